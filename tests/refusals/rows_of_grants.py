"""Codes and refresh tokens that were no good."""

from __future__ import annotations

from unittest import mock

from sqlalchemy import delete, update
from werkzeug.test import TestResponse

from authserver import database
from authserver.domain.ground import cache
from authserver.lib import clock, sealing, secrets
from authserver.models import Grant, RefreshToken, Resource, User
from tests.refusals.world import Row, World, later, redeeming
from tests.support import protocol
from tests.support.protocol import App

API = "https://reports.example"
NEWEST = "the newest one of this client's sign-in"


# Codes


def redeemed(world: World, code: str) -> TestResponse:
    return world.token(world.register(), **redeeming(code))


def used_twice(world: World) -> TestResponse:
    app = world.register()
    sent = world.code(app)
    world.token(app, **sent)
    with later(5):  # at once, it may be the same request that waited
        return world.token(app, **sent)


def of_another_app(world: World) -> TestResponse:
    return world.token(world.register(), **world.code(world.register()))


def too_old(world: World) -> TestResponse:
    app = world.register()
    with later(0):  # the clock stands, so that the age is no second more
        sent = world.code(app)
        with later(90):
            return world.token(app, **sent)


def with_another_verifier(world: World) -> TestResponse:
    app = world.register()
    return world.token(app, **world.code(app) | {"code_verifier": "v" * 50})


def with_another_redirect_uri(world: World) -> TestResponse:
    app = world.register()
    return world.token(app, **world.code(app) | {"redirect_uri": "https://app.example/other"})


def when_all_tokens_have_ended(world: World) -> TestResponse:
    app = world.register()
    sent = world.code(app)
    protocol.change(app, tokens_not_before=clock.now() + 10)
    return world.token(app, **sent)


def of_somebody_disabled(world: World) -> TestResponse:
    app = world.register()
    sent = world.code(app)
    try:
        _person(world, disabled_at=1)
        return world.token(app, **sent)
    finally:
        _person(world, disabled_at=None)


def _person(world: World, **values: object) -> None:
    with database.transaction() as session:
        session.execute(update(User).where(User.id == world.bob.id).values(**values))


# Refresh tokens


def refreshed(world: World, app: App, token: str, **fields: str) -> TestResponse:
    return world.token(app, grant_type="refresh_token", refresh_token=token, **fields)


def of_no_kind(world: World) -> TestResponse:
    return refreshed(world, world.register(), "x")


def never_made(world: World) -> TestResponse:
    return refreshed(world, world.register(), secrets.generate("kaie", "rt"))


def another_apps(world: World) -> TestResponse:
    return refreshed(world, world.register(), world.refresh_token(world.register()))


def another_apps_narrowed(world: World) -> TestResponse:
    return refreshed(world, world.register(), world.refresh_token(world.register()), scope="openid")


def wider_than_before(world: World) -> TestResponse:
    app = world.register()
    return refreshed(world, app, world.refresh_token(app, scopes=["openid"]), scope="openid email")


def for_another_api(world: World) -> TestResponse:
    app = world.register()
    return refreshed(world, app, world.refresh_token(app), resource=API)


def for_an_api_that_is_gone(world: World) -> TestResponse:
    identifier = "https://gone.example"
    app = world.register(resources=[protocol.add_resource(identifier)])
    token = world.refresh_token(app, resources=[identifier])
    with database.transaction() as session:
        session.execute(delete(Resource).where(Resource.identifier == identifier))
        cache.touch(session, "scopes")
    return refreshed(world, app, token)


def without_any_scope_left(world: World) -> TestResponse:
    app = world.register()
    token = world.refresh_token(app, scopes=["email"])
    protocol.change(app, scopes=["openid"])
    return refreshed(world, app, token)


def used_again_much_later(world: World) -> TestResponse:
    app = world.register()
    token = world.refresh_token(app)
    refreshed(world, app, token)
    with later(3600):
        return refreshed(world, app, token)


def used_again_and_sealed_by_other_hands(world: World) -> TestResponse:
    app = world.register()
    token = world.refresh_token(app)
    refreshed(world, app, token)
    with mock.patch.object(sealing, "open_with_token", lambda *_: None):
        return refreshed(world, app, token)


def unused_for_long(world: World) -> TestResponse:
    app = world.register()
    token = world.refresh_token(app)
    with database.transaction() as session:
        session.execute(update(RefreshToken).where(RefreshToken.client_id == app.id).values(expires_at=1))
    return refreshed(world, app, token)


def issued_before_the_end(world: World) -> TestResponse:
    app = world.register()
    token = world.refresh_token(app)
    protocol.change(app, tokens_not_before=clock.now() + 10)
    return refreshed(world, app, token)


def of_a_sign_in_that_ended(world: World) -> TestResponse:
    app = world.register()
    token = world.refresh_token(app)
    with database.transaction() as session:
        session.execute(update(Grant).where(Grant.client_id == app.id).values(revoked_at=1, revoked_because="x"))
    return refreshed(world, app, token)


OF_RESOURCES: tuple[Row, ...] = (
    (for_another_api, {"resource": ("http://localhost:8000", API)}),
    (for_an_api_that_is_gone, {"resource": ("still exists", "https://gone.example")}),
)
ROWS: tuple[Row, ...] = (
    (lambda world: redeemed(world, "x"), {"code": ("that this server made", "malformed")}),
    (lambda world: redeemed(world, secrets.generate("kaie", "ac")), {"code": ("new", "unknown")}),
    (lambda world: redeemed(world, ""), {"code": ("one value", "(nothing)")}),
    (used_twice, {"code": ("new, and this client's", "replayed")}),
    (of_another_app, {"code": ("this client's", "another client")}),
    (too_old, {"code age": ("at most 60 s", "90 s")}),
    (with_another_verifier, {"code verifier": ("code_challenge", "does not fit")}),
    (with_another_redirect_uri, {"redirect URI": (protocol.CALLBACK, "https://app.example/other")}),
    (when_all_tokens_have_ended, {"not revoked": ("all tokens of the app", "issued before")}),
    (of_somebody_disabled, {"person": ("enabled", "disabled")}),
    (of_no_kind, {"refresh token": (NEWEST, "malformed")}),
    (never_made, {"refresh token": (NEWEST, "never made here")}),
    *OF_RESOURCES,
    (another_apps, {"refresh token": (NEWEST, "another client")}),
    (another_apps_narrowed, {"refresh token": (NEWEST, "another client")}),
    (wider_than_before, {"scope": ("openid", "openid email")}),
    (without_any_scope_left, {"scope": ("may still have", "email")}),
    (used_again_much_later, {"refresh token": (NEWEST, "spent before")}),
    (used_again_and_sealed_by_other_hands, {"refresh token": (NEWEST, "the successor cannot be opened")}),
    (unused_for_long, {"expiry": ("used within", "unused until")}),
    (issued_before_the_end, {"not revoked": ("all tokens of the app", "issued before")}),
    (of_a_sign_in_that_ended, {"not revoked": ("in use", "was ended")}),
)  # fmt: skip
