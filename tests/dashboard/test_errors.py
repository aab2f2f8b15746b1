"""Why did this fail? What the owner of an app or key reads about a refused request, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.insight import refusals
from authserver.domain.insight.refusals import Viewer
from authserver.domain.people import sessions
from authserver.edge import browser as browsers
from authserver.lib import clock
from authserver.models import Grant, User
from tests.conftest import Person
from tests.support import own_jwts, protocol
from tests.support.databases import ISSUER
from tests.support.protocol import App

NEVER = "kaie_ak_", "kaie_cs_", "kaie_ac_", "kaie_rt_"


@pytest.fixture
def app_of_alice(alice: Person) -> App:
    return protocol.register(owner_id=alice.id, name="Reports", jwks=own_jwts.key_set(own_jwts.pair()))


def signed_in(browser: Callable[[], FlaskClient], person: Person) -> FlaskClient:
    made = browser()
    token, _ = sessions.open(person.user, amr=["pwd"], ip="192.0.2.1", user_agent="Firefox")
    made.set_cookie(browsers.cookie_name("session"), token, domain="localhost")
    return made


def post(app: Flask, path: str, fields: dict[str, Any], headers: dict[str, str] | None = None) -> str:
    """A request through the whole server; returns its request id."""
    answer = app.test_client().post(path, data=fields, headers=headers or {})
    assert answer.status_code in (400, 401, 403)
    return str(answer.headers["X-Request-Id"])


def get(app: Flask, path: str, credential: str) -> str:
    answer = app.test_client().get(path, headers={"Authorization": f"Bearer {credential}"})
    assert answer.status_code in (401, 403)
    return str(answer.headers["X-Request-Id"])


def failed(alice: Person, request_id: str) -> dict[str, tuple[str, str]]:
    """The failed checks of a refusal as its owner sees them: expected and received."""
    found = refusals.get(Viewer(user=alice.user), request_id)
    assert not any(mark in str(found.checks) for mark in NEVER)
    return {each["check"]: (each["expected"], each["received"]) for each in found.checks if not each["ok"]}


def redeem(app: Flask, client: App, code: str, **fields: str) -> str:
    sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": protocol.CALLBACK,
            "code_verifier": protocol.VERIFIER, **client.post, **fields}  # fmt: skip
    return post(app, "/oauth/token", sent)


def test_a_wrong_redirect_uri_shows_both(app: Flask, alice: Person, bob: Person, app_of_alice: App) -> None:
    wrong = redeem(app, app_of_alice, protocol.allow(bob.id, app_of_alice), redirect_uri="https://app.example/callbak")
    assert failed(alice, wrong) == {"redirect URI": (protocol.CALLBACK, "https://app.example/callbak")}


def test_a_wrong_verifier_is_named_and_not_shown(app: Flask, alice: Person, bob: Person, app_of_alice: App) -> None:
    wrong = redeem(app, app_of_alice, protocol.allow(bob.id, app_of_alice), code_verifier="v" * 50)
    assert set(failed(alice, wrong)) == {"code verifier"}
    assert "vvvv" not in str(refusals.get(Viewer(user=alice.user), wrong).checks)


def test_a_code_that_is_too_old_shows_its_age(
    app: Flask, alice: Person, bob: Person, app_of_alice: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, now = protocol.allow(bob.id, app_of_alice), clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 90)
    assert failed(alice, redeem(app, app_of_alice, code)) == {"code age": ("at most 60 s", "90 s")}


def test_a_replayed_code_and_a_made_up_one_are_told_apart(
    app: Flask, alice: Person, bob: Person, app_of_alice: App
) -> None:
    code = protocol.allow(bob.id, app_of_alice)
    protocol.exchange(app_of_alice, code)
    assert failed(alice, redeem(app, app_of_alice, code))["code"][1] == "replayed"
    assert failed(alice, redeem(app, app_of_alice, "made up"))["code"][1] == "malformed"


def test_a_wrong_secret_and_a_wrong_method_are_named(app: Flask, alice: Person) -> None:
    pinned = protocol.register(owner_id=alice.id, token_endpoint_auth_method="client_secret_basic")
    fields = {"grant_type": "client_credentials"}
    method = post(app, "/oauth/token", {**fields, **pinned.post})
    assert failed(alice, method) == {"authentication method": ("client_secret_basic", "client_secret_post")}
    secret = post(app, "/oauth/token", fields, protocol.basic(pinned.id, "wrong"))
    assert failed(alice, secret) == {"client secret": ("one of 1 that work now", "fits none")}


def test_scope_resource_and_grant_show_what_the_client_may(app: Flask, alice: Person) -> None:
    client = protocol.register(owner_id=alice.id, scopes=["workflows:read"], grant_types=["client_credentials"])
    fields = {"grant_type": "client_credentials", **client.post}
    scope = post(app, "/oauth/token", {**fields, "scope": "workflows:write"})
    assert failed(alice, scope) == {"scope": ("workflows:read", "workflows:write")}
    resource = post(app, "/oauth/token", {**fields, "resource": "https://x.example"})
    assert failed(alice, resource) == {
        "resource": ("http://localhost:8000 or http://localhost:8000/v1", "https://x.example")
    }
    grant = post(app, "/oauth/token", {**fields, "grant_type": "refresh_token", "refresh_token": "x"})
    assert failed(alice, grant) == {"grant": ("client_credentials", "refresh_token")}


def authorize(app: Flask, client: App, **fields: str) -> str:
    sent = {"client_id": client.id, "redirect_uri": protocol.CALLBACK, "response_type": "code",
            "code_challenge": "x" * 43, "code_challenge_method": "S256", **fields}  # fmt: skip
    answer = app.test_client().get(f"/oauth/authorize?{urlencode(sent)}")
    return str(answer.headers["X-Request-Id"])


def test_authorize_shows_the_redirect_uri_and_the_pkce_method(app: Flask, alice: Person, app_of_alice: App) -> None:
    wrong = authorize(app, app_of_alice, redirect_uri="https://app.example/callback/")
    assert failed(alice, wrong) == {"redirect uri": (protocol.CALLBACK, "https://app.example/callback/")}
    plain = authorize(app, app_of_alice, code_challenge_method="plain")
    assert failed(alice, plain) == {"PKCE method": ("S256", "plain")}
    assert refusals.get(Viewer(user=alice.user), plain).ip == ""


def test_an_unknown_client_leaves_nothing(app: Flask, ada: Person) -> None:
    authorize(app, App("no-such-app", ""))
    post(app, "/oauth/token", {"grant_type": "client_credentials", "client_id": "no-such", "client_secret": "x"})
    assert refusals.page(Viewer(user=ada.user))[1] == 0


def test_a_key_that_is_not_good_says_why_to_its_owner(app: Flask, alice: Person) -> None:
    row, value = api_keys.create(alice.user, api_keys.Wish("CI", "read_only", allowed_networks=("10.0.0.0/8",)))
    assert failed(alice, get(app, "/v1/me", value)) == {"network": ("10.0.0.0/8", "127.0.0.1")}
    api_keys.revoke(alice.id, row.id)
    assert "not revoked" in failed(alice, get(app, "/gateway/auth", value))
    _, plain = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    low = failed(alice, get(app, "/v1/api-keys", plain))
    assert low == {"access level": ("a level with these scopes", "read_only"),
                   "scope": ("keys:manage", "analytics:read workflows:read")}  # fmt: skip


def test_a_gateway_says_which_scope_was_missing(app: Flask, alice: Person) -> None:
    _, value = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    assert failed(alice, get(app, "/gateway/auth/workflows:delete", value))["scope"] == (
        "workflows:delete", "analytics:read workflows:read",
    )  # fmt: skip


def test_a_clients_own_jwt_shows_audience_clock_and_reuse(app: Flask, alice: Person, app_of_alice: App) -> None:
    audience = failed(alice, get(app, "/v1/me", own_jwts.own(app_of_alice.id, aud="http://localhost:8000")))
    assert audience == {"audience": ("http://localhost:8000/v1", "http://localhost:8000")}
    old = get(app, "/v1/me", own_jwts.own(app_of_alice.id, iat=clock.now() - 700, exp=clock.now() - 600))
    assert set(failed(alice, old)) == {"expiry"}
    credential = own_jwts.own(app_of_alice.id)
    assert app.test_client().get("/v1/me", headers={"Authorization": f"Bearer {credential}"}).status_code == 200
    assert failed(alice, get(app, "/v1/me", credential)) == {
        "jti": ("present, and new at this verifier", "used before")
    }


def test_why_a_clients_own_jwt_was_refused_is_told_by_what_refused_it(
    app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = own_jwts.pair()
    made = protocol.register(owner_id=alice.id, jwks=own_jwts.key_set(key), scopes=["workflows:read"])
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)  # what is shown is counted in seconds
    for values, name, words in (
        ({"iat": now, "exp": now + 7200}, "lifetime", "7200 s from now"),
        ({"iat": now - 700, "exp": now - 600}, "expiry", ""),
        ({"iat": now + 600, "exp": now + 900}, "clock", ""),
        ({"nbf": now + 600}, "not before (nbf)", "not yet valid"),
        ({"aud": ISSUER}, "audience", ISSUER),
        ({"scope": "admin"}, "scope", "admin"),
        ({"jti": None}, "jti", ""),
        ({"jti": "j" * 300}, "jti", "no jti"),
    ):
        found = failed(alice, get(app, "/v1/me", own_jwts.own(made.id, key, **values)))
        assert set(found) == {name}, (values, found)
        assert words in found[name][1]
    said = own_jwts.claims(made.id)
    for credential, name in (
        (own_jwts.signed(key, said, kid="another"), "key (kid)"),
        (own_jwts.signed(own_jwts.pair(number=1), said, kid=key.get("kid")), "signature"),
    ):
        found = failed(alice, get(app, "/v1/me", credential))
        assert set(found) == {name}, found
        assert ("kid" in found[name][0]) is (name == "key (kid)")
    protocol.change(made, tokens_not_before=clock.now() + 10)
    assert set(failed(alice, get(app, "/v1/me", own_jwts.own(made.id, key)))) == {"not revoked"}
    protocol.change(made, tokens_not_before=0, disabled_at=1)
    assert set(failed(alice, get(app, "/v1/me", own_jwts.own(made.id, key)))) == {"client"}


def test_why_an_access_token_was_refused_is_told_by_what_refused_it(app: Flask, alice: Person, bob: Person) -> None:
    def token(**columns: Any) -> tuple[App, str]:
        made = protocol.register(owner_id=alice.id, **columns)
        return made, str(protocol.tokens_for(bob.id, made)["access_token"])

    for form in ("jwt", "opaque"):
        made, value = token(access_token_format=form)
        protocol.change(made, tokens_not_before=clock.now() + 10)
        assert failed(alice, get(app, "/v1/me", value))["not revoked"][1] == "issued before"
        made, value = token(access_token_format=form)
        protocol.change(made, disabled_at=1)
        assert set(failed(alice, get(app, "/v1/me", value))) == {"client"}
        made, value = token(access_token_format=form)
        with database.transaction() as session:
            session.execute(update(Grant).where(Grant.client_id == made.id).values(expires_at=1))
        assert set(failed(alice, get(app, "/v1/me", value))) == {"sign-in"}
        made, value = token(access_token_format=form)
        with database.transaction() as session:
            session.get_one(User, bob.id).tokens_not_before = clock.now() + 10
        assert failed(alice, get(app, "/v1/me", value))["not revoked"][0].startswith("issued after all of the person")
        with database.transaction() as session:
            session.get_one(User, bob.id).tokens_not_before = 0


def test_an_access_token_for_another_api_shows_its_audience(app: Flask, alice: Person, bob: Person) -> None:
    api = protocol.add_resource("https://reports.example")
    client = protocol.register(owner_id=alice.id, resources=[api])
    token = protocol.tokens_for(bob.id, client, resources=[api])["access_token"]
    assert set(failed(alice, get(app, "/v1/me", token))) == {"audience"}


def test_introspection_says_what_its_caller_lacks(app: Flask, alice: Person) -> None:
    _, value = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    wrong = post(app, "/oauth/introspect", {"token": "x"}, {"Authorization": f"Bearer {value}"})
    assert failed(alice, wrong)["scope"][0] == "introspect"


def test_the_page_is_for_its_owner_alone(
    app: Flask, browser: Callable[[], FlaskClient], alice: Person, bob: Person, mallory: Person, app_of_alice: App
) -> None:
    wrong = redeem(app, app_of_alice, protocol.allow(bob.id, app_of_alice), redirect_uri="https://evil.example/<b>")
    hers = signed_in(browser, alice)
    page = hers.get(f"/errors/{wrong}")
    assert page.status_code == 200 and "Why did this fail?" in page.text
    whole = page.text.replace("<mark>", "").replace("</mark>", "")  # what stands around the characters that differ
    assert protocol.CALLBACK in whole and "https://evil.example/&lt;b&gt;" in whole
    assert wrong in hers.get(f"/errors?about={app_of_alice.id}").text
    assert "/errors?about=" in hers.get(f"/apps/{app_of_alice.id}/activity").text
    for stranger in (bob, mallory):
        theirs = signed_in(browser, stranger)
        assert theirs.get(f"/errors/{wrong}").status_code == 404
        assert wrong not in theirs.get("/errors").text
    assert browser().get(f"/errors/{wrong}").status_code == 303


def test_a_key_reads_its_own_refusals_over_the_api(app: Flask, alice: Person, mallory: Person) -> None:
    _, value = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    wrong = get(app, "/v1/api-keys", value)
    client = app.test_client()
    said = client.get(f"/v1/errors/{wrong}", headers={"Authorization": f"Bearer {value}"}).json["data"]
    assert (said["code"], said["status"], said["kind"]) == ("INSUFFICIENT_PERMISSIONS", 403, "api")
    _, other = api_keys.create(mallory.user, api_keys.Wish("CI", "full_access"))
    assert client.get(f"/v1/errors/{wrong}", headers={"Authorization": f"Bearer {other}"}).status_code == 404
