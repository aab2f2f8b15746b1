"""Devices that were no good, and what their person met."""

from __future__ import annotations

from typing import Any
from unittest import mock

from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from authserver import database
from authserver.domain.authorization import devices as waiting
from authserver.lib import clock, pkce, secrets
from authserver.models import DeviceAuthorization, Grant, User
from tests.refusals.world import Row, World, later
from tests.support import authorizing, devices, protocol
from tests.support.protocol import App

GRANTS = [devices.GRANT, "refresh_token"]
WAITS = "one that waits, and this client's"


# The device asks


def device(world: World, **columns: Any) -> App:
    return world.register(**{"grant_types": GRANTS} | columns)


def asked(world: World, app: App, **fields: Any) -> TestResponse:
    return world.post(devices.PATH, {"scope": "openid"} | fields, app.basic)


def begun(world: World, app: App, **fields: Any) -> dict[str, Any]:
    found = asked(world, app, **fields).json
    assert found and "device_code" in found, found
    return found


def without_the_grant(world: World) -> TestResponse:
    return asked(world, world.register(grant_types=["client_credentials"]))


def too_many(world: World) -> TestResponse:
    app = device(world)
    with mock.patch.object(waiting, "PER_NETWORK", 1):
        asked(world, app)
        return asked(world, app)


# It polls


def polled(world: World, app: App, code: str, **fields: Any) -> TestResponse:
    return world.token(app, grant_type=devices.GRANT, device_code=code, **fields)


def answered(world: World, said: dict[str, Any], action: str = "allow") -> None:
    his = signed_in(world)
    assert devices.answer(his, said["user_code"], action).status_code == 200


def signed_in(world: World) -> FlaskClient:
    browser = world.browser()
    authorizing.sign_in(browser, world.bob)
    return browser


def never_made(world: World) -> TestResponse:
    return polled(world, device(world), secrets.generate("kaie", "dc"))


def of_another_app(world: World) -> TestResponse:
    return polled(world, device(world), begun(world, device(world))["device_code"])


def used_again(world: World) -> TestResponse:
    app = device(world)
    said = begun(world, app)
    answered(world, said)
    polled(world, app, said["device_code"])
    with later(5):
        return polled(world, app, said["device_code"])


def with_another_verifier(world: World) -> TestResponse:
    app = device(world)
    said = begun(world, app, code_challenge=pkce.challenge(protocol.VERIFIER), code_challenge_method="S256")
    answered(world, said)
    return polled(world, app, said["device_code"], code_verifier="v" * 50)


def when_all_tokens_have_ended(world: World) -> TestResponse:
    app = device(world)
    said = begun(world, app)
    answered(world, said)
    protocol.change(app, tokens_not_before=clock.now() + 10)
    return polled(world, app, said["device_code"])


def of_a_sign_in_that_ended(world: World) -> TestResponse:
    app = device(world)
    said = begun(world, app)
    answered(world, said)
    with database.transaction() as session:
        session.execute(update(Grant).where(Grant.client_id == app.id).values(revoked_at=1, revoked_because="x"))
    return polled(world, app, said["device_code"])


def denied(world: World) -> TestResponse:
    app = device(world)
    said = begun(world, app)
    answered(world, said, "deny")
    return polled(world, app, said["device_code"])


def too_late(world: World) -> TestResponse:
    app = device(world)
    code = begun(world, app)["device_code"]
    with later(700):
        return polled(world, app, code)


# Its person


def refused_by_the_person(world: World) -> TestResponse:
    said = begun(world, device(world))
    return devices.answer(signed_in(world), said["user_code"], "deny")


def of_a_stopped_app(world: World) -> TestResponse:
    app = device(world)
    said = begun(world, app)
    protocol.change(app, disabled_at=1)
    return signed_in(world).get(f"/device?user_code={said['user_code']}")


def without_a_scope_for_the_person(world: World) -> TestResponse:
    app = device(world, scopes=["admin"])
    _set(world.alice.id, role="admin")  # so that her app may have it
    try:
        said = begun(world, app, scope="admin")
        return signed_in(world).get(f"/device?user_code={said['user_code']}")
    finally:
        _set(world.alice.id, role="user")


def with_a_wrong_code(world: World) -> TestResponse:
    return devices.typed(signed_in(world), "BCDF-GHJK")


def with_no_code(world: World) -> TestResponse:
    return devices.typed(signed_in(world), "x")


def with_an_old_code(world: World) -> TestResponse:
    said, his = begun(world, device(world)), signed_in(world)
    with database.transaction() as session:
        session.execute(update(DeviceAuthorization).values(expires_at=1))
    return devices.typed(his, said["user_code"])


def with_anothers_code(world: World) -> TestResponse:
    said = begun(world, device(world))
    answered(world, said)
    return devices.typed(world.hers, said["user_code"])


def twice(world: World) -> TestResponse:
    said, his = begun(world, device(world)), signed_in(world)
    page = devices.typed(his, said["user_code"])
    devices.press(his, page)
    return devices.press(his, page)


def at_the_same_moment(world: World) -> TestResponse:
    """Another answer comes in between the look at the code and the answer."""
    said, his = begun(world, device(world)), signed_in(world)
    page, found = devices.typed(his, said["user_code"]), waiting.find

    def and_answered(*args: Any, **named: Any) -> Any:
        row = found(*args, **named)
        with database.transaction() as session:
            session.execute(update(DeviceAuthorization).values(answered_at=1))
        return row

    with mock.patch.object(waiting, "find", and_answered):
        return devices.press(his, page)


def _set(user_id: str, **values: object) -> None:
    from authserver.domain.ground import cache

    with database.transaction() as session:
        session.execute(update(User).where(User.id == user_id).values(**values))
        cache.touch(session, "clients")


AT_ENDPOINTS: tuple[Row, ...] = (
    (without_the_grant, {"grant": (devices.GRANT, "client_credentials")}),
    (too_many, {"devices that asked": ("of one network", "one more")}),
    (lambda world: asked(world, device(world), scope="admin"), {"scope": ("openid", "admin")}),
    (lambda world: asked(world, device(world), code_challenge="x"), {"code challenge": ("43 characters", "no method")}),
    (lambda world: polled(world, device(world), "x"), {"device code": ("of this server", "malformed")}),
    (lambda world: polled(world, device(world), ""), {"device code": ("one value", "(nothing)")}),
    (never_made, {"device code": (WAITS, "never made here")}),
    (of_another_app, {"device code": (WAITS, "another client")}),
    (used_again, {"device code": (WAITS, "replayed")}),
    (with_another_verifier, {"code verifier": ("code_challenge", "does not fit")}),
    (when_all_tokens_have_ended, {"not revoked": ("all tokens of the app", "issued before")}),
    (of_a_sign_in_that_ended, {"not revoked": ("in use", "was ended")}),
    (denied, {"consent": ("given by the person", "not given")}),
    (too_late, {"consent": ("given by the person", "too late")}),
)  # fmt: skip
ON_PAGES: tuple[Row, ...] = (
    (refused_by_the_person, {"consent": ("given by the person", "they chose Cancel")}),
    (of_a_stopped_app, {"client": ("until the answer", "changed since")}),
    (without_a_scope_for_the_person, {"scope": ("role may hold", "admin")}),
    (with_a_wrong_code, None),
    (with_no_code, None),
    (with_an_old_code, None),
    (with_anothers_code, None),
    (twice, None),
    (at_the_same_moment, None),
)
