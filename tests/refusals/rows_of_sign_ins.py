"""What a sign-in is refused for: its request, its steps, its end."""

from __future__ import annotations

import dataclasses
import json
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlencode, urlsplit

from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from authserver import config, database
from authserver.domain.authorization import answers as authorization_answers
from authserver.domain.authorization import steps as authorization_steps
from authserver.domain.grants import consents
from authserver.domain.ground import cache
from authserver.domain.signing import keys as signing_keys
from authserver.lib import acr, clock, jwt
from authserver.models import User
from tests.refusals.world import Row, World, later
from tests.support import authorizing, own_jwts, protocol
from tests.support.protocol import App

CALLBACK = protocol.CALLBACK
UNPROTECTED = {"code_challenge": None, "code_challenge_method": None}


def asking(app: App, **changes: Any) -> dict[str, Any]:
    return authorizing.asking(**{"client_id": app.id, "redirect_uri": CALLBACK} | changes)


def asked(world: World, changes: dict[str, Any], app: App | None = None, **columns: Any) -> TestResponse:
    """A stranger follows a link of an app that is as `columns` say."""
    sent = asking(app or world.register(**columns), **changes)
    return world.browser().get("/oauth/authorize?" + urlencode(sent, doseq=True))


def of(columns: dict[str, Any] | None = None, **changes: Any) -> Any:
    """A row's request with these changes."""
    return lambda world: asked(world, changes, **columns or {})


# Who asks, and where to


def of_a_stopped_owner(world: World) -> TestResponse:
    app = protocol.register(owner_id=world.bob.id)
    _set(world.bob.id, disabled_at=1)
    try:
        return asked(world, {}, app)
    finally:
        _set(world.bob.id, disabled_at=None)


def posted_with_a_query(world: World) -> TestResponse:
    return world.post("/oauth/authorize?x=1", asking(world.register()))


def sent_twice(world: World) -> TestResponse:
    query = urlencode(asking(world.register()))
    return world.browser().get(f"/oauth/authorize?{query}&state=again")


def with_two_places(world: World) -> TestResponse:
    query = urlencode(asking(world.register()))
    return world.browser().get(f"/oauth/authorize?{query}&redirect_uri=x")


def of_an_object(**said: Any) -> Any:
    """A request with a signed object that says this, and the app's own id where it says True."""

    def provoke(world: World) -> TestResponse:
        app = world.register(jwks=own_jwts.key_set(own_jwts.pair()))
        told = {name: app.id if value is True else value for name, value in said.items()}
        return asked(world, {"request": own_jwts.signed(own_jwts.pair(), told)}, app)

    return provoke


def answered_with_the_same_object(world: World) -> TestResponse:
    browser, app = signed_in(world), world.register(jwks=own_jwts.key_set(own_jwts.pair()))
    said = {"jti": "once", "exp": clock.now() + 60}
    handles = [begun(world, browser, app, request=own_jwts.signed(own_jwts.pair(), said)) for _ in range(2)]
    pages = [browser.get(f"/oauth/authorize/consent?request={handle}") for handle in handles]
    return [authorizing.answer_consent(browser, page) for page in pages][-1]


# Its steps


def signed_in(world: World) -> FlaskClient:
    browser = world.browser()
    authorizing.sign_in(browser, world.bob)
    return browser


def begun(world: World, browser: FlaskClient, app: App, **changes: Any) -> str:
    """A request that is stored, and waits for its person; the handle of our links."""
    answer = browser.get("/oauth/authorize?" + urlencode(asking(app, **changes), doseq=True))
    assert answer.status_code == 303, answer.text
    return parse_qs(urlsplit(answer.location).query)["request"][0]


def proceeded(browser: FlaskClient, handle: str) -> TestResponse:
    return browser.get(f"/oauth/authorize/continue?request={handle}")


def silently_for_nobody(world: World) -> TestResponse:
    return asked(world, {"prompt": "none"})


def silently_without_consent(world: World) -> TestResponse:
    return signed_in(world).get("/oauth/authorize?" + urlencode(asking(world.register(), prompt="none")))


def without_a_scope_for_the_person(world: World) -> TestResponse:
    app = world.register(scopes=["admin"])
    _set(world.alice.id, role="admin")  # so that her app may have it
    try:
        return signed_in(world).get("/oauth/authorize?" + urlencode(asking(app, scope="admin")))
    finally:
        _set(world.alice.id, role="user")


def without_openid_any_more(world: World) -> TestResponse:
    app, browser = world.register(), signed_in(world)
    handle = begun(world, browser, app, **UNPROTECTED, nonce="n", scope="openid email")
    protocol.change(app, scopes=["email"])
    return proceeded(browser, handle)


def as_somebody_else(world: World) -> TestResponse:
    """The app expects Alice, and Bob signs in after it asked."""
    browser, app = world.browser(), world.register()
    handle = begun(world, browser, app, scope="openid", id_token_hint=hint(app, sub=world.alice.id))
    authorizing.sign_in(browser, world.bob)
    return proceeded(browser, handle)


def silently_as_somebody_else(world: World) -> TestResponse:
    app = world.register()
    protocol.allow(world.alice.id, app)  # else it learns not even that it is somebody else
    sent = asking(app, prompt="none", scope="openid", id_token_hint=hint(app, sub=world.alice.id))
    return signed_in(world).get("/oauth/authorize?" + urlencode(sent))


def too_weakly(world: World) -> TestResponse:
    """A class that could be reached when the app asked, and that the sign-in did not reach."""
    browser, app = world.browser(), world.register()
    with mock.patch.object(acr, "REACHABLE", ("aal1", "aal2")):
        handle = begun(world, browser, app, scope="openid", claims=essential("aal2"))
        authorizing.sign_in(browser, world.bob)
        return proceeded(browser, handle)


def essential(*values: str) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "values": values}}})


def hint(app: App, **changes: Any) -> str:
    """An ID token of an app's, with whatever a row changes."""
    said = {"iss": "http://localhost:8000", "aud": app.id, "azp": app.id, "sub": "usr_x", "exp": 1} | changes
    return jwt.sign(signing_keys.signer("RS256"), said, "JWT")


def hinted(**changes: Any) -> Any:
    def provoke(world: World) -> TestResponse:
        app = world.register()
        return asked(world, {"scope": "openid", "id_token_hint": hint(app, **changes)}, app)

    return provoke


def hinted_at_two(world: World) -> TestResponse:
    app = world.register()
    claims = json.dumps({"id_token": {"sub": {"value": "usr_y"}}})
    return asked(world, {"scope": "openid", "id_token_hint": hint(app), "claims": claims}, app)


# Its end


def of_an_app_that_was_stopped(world: World) -> TestResponse:
    app, browser = world.register(), signed_in(world)
    handle = begun(world, browser, app)
    protocol.change(app, disabled_at=1)
    return proceeded(browser, handle)


def to_a_place_that_was_taken_away(world: World) -> TestResponse:
    app, browser = world.register(), signed_in(world)
    handle = begun(world, browser, app)
    protocol.change(app, redirect_uris=["https://app.example/new"])
    return browser.get(f"/oauth/authorize/consent?request={handle}")


def too_late(world: World) -> TestResponse:
    browser = signed_in(world)
    with later(0):  # the clock stands, so that the age is no second more
        handle = begun(world, browser, world.register())
        with later(601):
            return proceeded(browser, handle)


def by_another_browser(world: World) -> TestResponse:
    return proceeded(signed_in(world), begun(world, signed_in(world), world.register()))


def answered_before(world: World) -> TestResponse:
    browser, app = signed_in(world), world.register()
    handle = begun(world, browser, app)
    page = browser.get(f"/oauth/authorize/consent?request={handle}")
    authorizing.answer_consent(browser, page)
    return proceeded(browser, handle)


def answered_in_the_same_moment(world: World) -> TestResponse:
    """Another tab was faster, after this one had found the request open."""
    browser, app = signed_in(world), world.register()
    handle = begun(world, browser, app)
    page = browser.get(f"/oauth/authorize/consent?request={handle}")
    allow = authorization_answers.allow

    def twice(*args: Any, **more: Any) -> str:
        allow(*args, **more)
        return allow(*args, **more)

    with mock.patch.object(authorization_answers, "allow", twice):
        return authorizing.answer_consent(browser, page)


def by_a_consent_that_is_taken_back_in_the_same_moment(world: World) -> TestResponse:
    browser, app = signed_in(world), world.register()
    page = browser.get(f"/oauth/authorize/consent?request={begun(world, browser, app)}")
    authorizing.answer_consent(browser, page)
    judged = authorization_steps.next_step

    def next_step(*given: Any) -> Any:
        found = judged(*given)
        consents.revoke(world.bob.id, app.id)
        return found

    with mock.patch.object(authorization_steps, "next_step", next_step):
        return browser.get("/oauth/authorize?" + urlencode(asking(app)))


def cancelled(world: World) -> TestResponse:
    browser, app = signed_in(world), world.register()
    page = browser.get(f"/oauth/authorize/consent?request={begun(world, browser, app)}")
    return authorizing.answer_consent(browser, page, "deny")


def after_many_others(world: World) -> TestResponse:
    browser, app = world.browser(), world.register()
    browser.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    few = dataclasses.replace(config.current(), authorization_requests_per_address=1)
    with config.using(few):
        begun(world, browser, app)
        return browser.get("/oauth/authorize?" + urlencode(asking(app)))


def _set(user_id: str, **values: object) -> None:
    with database.transaction() as session:
        session.execute(update(User).where(User.id == user_id).values(**values))
        cache.touch(session, "clients")


ROWS: tuple[Row, ...] = (
    (lambda world: world.browser().get("/oauth/authorize"), None),
    (lambda world: world.browser().get("/oauth/authorize?client_id=a&client_id=b"), None),
    (lambda world: world.browser().get("/oauth/authorize?client_id=nobody"), None),
    (lambda world: world.browser().get("/oauth/authorize?client_id=%zz"), None),
    (of_a_stopped_owner, None),  # who owns it cannot sign in, and Alice is nobody to it
    (of({"disabled_at": 1}), {"client": ("enabled", "disabled")}),
    (posted_with_a_query, {"query": ("in the body", "parameters")}),
    (of(redirect_uri="https://app.example/callbak"), {"redirect uri": (CALLBACK, "https://app.example/callbak")}),
    (of({"redirect_uris": [CALLBACK, f"{CALLBACK}2"]}, redirect_uri=None), {"redirect uri": (CALLBACK, "(nothing)")}),
    (of({"redirect_uris": []}, redirect_uri=None), {"registered redirect URIs": ("at least one", "none")}),
    (with_two_places, {"parameters": ("each one once", "redirect_uri")}),
    (sent_twice, {"parameters": ("each one once", "state")}),
    (of(state="s" * 20_000), {"state": ("at most 16384", "20000 characters")}),
    (of(registration="{}"), {"registration": ("not sent", "sent")}),
    (of(request="x", request_uri="urn:x"), {"request object": ("one", "two")}),
    (of(request_uri="urn:x"), {"request uri": ("none is registered", "urn:x")}),
    (of({"request_uris": ["https://127.0.0.1/r"]}, request_uri="https://127.0.0.1/r"),
     {"request uri": ("a JWT", "127.0.0.1")}),
    (of(request="eyJhbGciOiJub25lIn0.e30."), {"algorithm": ("RS256 or PS256", "none")}),
    (of(redirect_uri="https://app.example/callbak", request="x"), {"request object": ("a good JWT", "not a compact")}),
    (of(request="x"), {"request object": ("a good JWT", "not a compact JWS")}),
    (of_an_object(iss="other"), {"request object": ("a good JWT", "iss is not the app")}),
    (of_an_object(aud="https://other.example"), {"request object": ("a good JWT", "aud is not this server")}),
    (of_an_object(sub=True), {"request object": ("a good JWT", "sub is the app itself")}),
    (of_an_object(request="x"), {"request object": ("a good JWT", "another request object inside")}),
    (of_an_object(jti="x"), {"request object": ("a good JWT", "a jti that is no text, or without an exp")}),
    (of_an_object(response_type="token"), {"response type": ("code", "token")}),
    (answered_with_the_same_object, {"jti of the request object": ("a new one", "answered before")}),
    (of(response_mode="jwt"), {"response mode": ("query or fragment or form_post", "jwt")}),
    (of(response_type=None), {"response type": ("code", "(nothing)")}),
    (of(response_type="token"), {"response type": ("code", "token")}),
    (of({"grant_types": ["client_credentials"]}), {"grant": ("client_credentials", "authorization_code")}),
    (of(scope='a"b'), {"form of scope": ("single spaces", "")}),
    (of({"scopes": []}, scope="openid"), {"scope": ("none is assigned", "openid")}),
    (of({"scopes": ["email"]}, scope="openid"), {"scope": ("email", "openid")}),
    (of(resource=[f"https://{number}.example" for number in range(11)]), {"number of resources": ("at most 10", "11")}),
    (of(resource="https://nowhere.example"), {"resource": ("http://localhost:8000", "https://nowhere.example")}),
    (of(code_challenge_method="plain"), {"PKCE method": ("S256", "plain")}),
    (of(code_challenge="a" * 42), {"code challenge": ("43 characters of base64url", "42 characters")}),
    (of(code_challenge=None), {"code challenge": ("43 characters", "(nothing)")}),
    (of({"public": True}, **UNPROTECTED), {"code challenge": ("43 characters", "(nothing)")}),
    (of(**UNPROTECTED), {"code challenge": ("or a nonce", "(nothing)"), "nonce": ("random", "(nothing)"),
                         "scope": ("openid", "workflows:read")}),
    (of(**UNPROTECTED, nonce="n"), {"code challenge": ("or a nonce", "(nothing)"), "scope": ("openid", "")}),
    (of(nonce="n" * 2000), {"nonce": ("at most 1024", "2000 characters")}),
    (of(prompt="sometimes"), {"prompt": ("login", "sometimes")}),
    (of(prompt="none login"), {"prompt": ("none", "none login")}),
    (of(max_age="soon"), {"max age": ("seconds in digits", "soon")}),
    (of(scope="openid", claims="{"), {"claims": ("a JSON object", "no JSON")}),
    (of(acr_values="a\x07"), {"acr values": ("names", "invisible characters")}),
    (of(scope="openid", claims=essential("phr")), {"acr": ("aal1", "phr")}),
    (of(scope="openid", id_token_hint="x"), {"id token hint": ("an ID token of this app's", "not a compact JWS")}),
    (hinted(iss="https://other.example"), {"id token hint": ("an ID token of this app's", "another issuer's")}),
    (hinted(client_id="x"), {"id token hint": ("an ID token of this app's", "no ID token")}),
    (hinted(aud="other"), {"id token hint": ("an ID token of this app's", "another app's")}),
    (hinted_at_two, {"person": ("one", "two")}),
    (as_somebody_else, {"person": ("the one who is expected", "somebody else")}),
    (silently_as_somebody_else, {"sign-in": ("a person signed in", "somebody else is signed in")}),
    (too_weakly, {"acr": ("aal2", "aal1")}),
    (silently_for_nobody, {"sign-in": ("a person signed in", "nobody is signed in")}),
    (silently_without_consent, {"consent": ("given before", "not given")}),
    (without_a_scope_for_the_person, {"scope": ("the person's role may hold", "admin")}),
    (without_openid_any_more, {"scope": ("openid, for the nonce to count", "email")}),
    (of_an_app_that_was_stopped, {"client": ("until the answer", "since the request came")}),
    (to_a_place_that_was_taken_away, {"redirect uri": ("https://app.example/new", CALLBACK)}),
    (too_late, {"time to answer": ("at most 600 s", "601 s")}),
    (by_another_browser, None),
    (answered_before, {"answer": ("one to each", "a second one")}),
    (answered_in_the_same_moment, {"answer": ("one to each", "a second one")}),
    (by_a_consent_that_is_taken_back_in_the_same_moment, {"consent": ("until the answer", "taken back")}),
    (cancelled, {"consent": ("given by the person", "they chose Cancel")}),
    (after_many_others, {"sign-ins begun": ("1/10 minute", "one more")}),
)  # fmt: skip
