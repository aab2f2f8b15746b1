"""RFC 9700 and RFC 8252 as an app and its person meet them, where no test of an endpoint or a grant shows it."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver import database
from authserver.lib import clock, secrets
from authserver.models import RefreshToken
from tests.conftest import Person
from tests.support import authorizing, forms, protocol
from tests.support.authorizing import CALLBACK, answer_consent, authorize, followed
from tests.support.protocol import App


@pytest.fixture
def notes(app: Any) -> str:
    return authorizing.make_app()


def test_no_redirect_takes_a_persons_form_along(notes: str, http: FlaskClient, alice: Person) -> None:
    """RFC 9700 section 4.12: 307 MUST NOT follow a request that may hold credentials; 303 turns it into a GET."""
    page = followed(http, authorize(http))
    signed_in = forms.post(http, forms.form_on(page.text, "/login"), email=alice.email, password=alice.password)
    allowed = answer_consent(http, followed(http, signed_in))
    again = http.post("/oauth/authorize", data=authorizing.asking())
    assert [answer.status_code for answer in (signed_in, allowed, again)] == [303, 303, 303]
    assert allowed.location.startswith(f"{CALLBACK}?code=")


def test_no_address_that_takes_a_form_is_one_that_is_redirected(app: Any, http: FlaskClient) -> None:
    """RFC 9700 section 4.12: a router answers 308, which takes the form along, where a slash is missing."""
    pages = (rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("machine:"))
    for path in [rule.rule for rule in pages if "POST" in rule.methods and "<" not in rule.rule]:
        for near in (path.removesuffix("/") or "/", path.removesuffix("/") + "/"):
            assert http.post(near, data={"password": "x"}).status_code not in (301, 302, 307, 308), near


def test_a_public_clients_refresh_token_rotates_and_a_reuse_ends_it(spa: App, alice: Person) -> None:
    """RFC 9700 section 2.2.2: of public clients they MUST be sender-constrained, or rotate (section 4.14.2)."""
    first = protocol.tokens_for(alice.id, spa)["refresh_token"]
    second = protocol.refresh(spa, first).json["refresh_token"]
    assert second != first
    with database.transaction() as session:
        session.get_one(RefreshToken, secrets.digest(first)).used_us = clock.now_us() - 60_000_000
    assert protocol.refresh(spa, first).error == protocol.refresh(spa, second).error == (400, "invalid_grant")


def test_what_a_refresh_token_opens_is_what_the_person_allowed(web_app: App, alice: Person) -> None:
    """RFC 9700 section 4.14.2: it MUST be bound to the scopes and the APIs that were consented to."""
    apis = [protocol.add_resource(f"https://{name}.example") for name in ("one", "two")]
    protocol.change(web_app, resources=apis)
    token = protocol.tokens_for(alice.id, web_app, scopes=["workflows:read"], resources=apis[:1])["refresh_token"]
    assert protocol.refresh(web_app, token, scope="workflows:write").error == (400, "invalid_scope")
    assert protocol.refresh(web_app, token, resource=apis[1]).error == (400, "invalid_target")
    claims = protocol.claims(protocol.refresh(web_app, token).json["access_token"])
    assert (claims["scope"], claims["aud"]) == ("workflows:read", apis[0])


@pytest.mark.parametrize("sent", ["http://localhost:8400/cb", "http://localhost/cb", "http://localhost:8401/other"])
def test_no_port_may_differ_for_an_app_that_is_not_native(app: Any, http: FlaskClient, sent: str) -> None:
    """RFC 9700 section 2.1: exact string matching MUST be used but for loopback ports of native apps."""
    authorizing.make_app(redirect_uris=["http://localhost:8401/cb"])
    assert authorize(http, redirect_uri=sent).status_code == 400


@pytest.mark.parametrize("registered", ["http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost:4000/cb"])
def test_a_native_app_comes_back_at_whatever_port_it_was_given(app: Any, http: FlaskClient, registered: str) -> None:
    """RFC 8252 section 7.3: any port MUST be allowed at the time of the request; section 8.4: and no other path."""
    authorizing.make_app(public=True, application_type="native", redirect_uris=[registered])
    host = registered.removeprefix("http://").removesuffix("/cb").replace(":4000", "")
    assert authorize(http, redirect_uri=f"http://{host}:51004/cb").location.startswith("/login")
    assert authorize(http, redirect_uri=f"http://{host}:51004/cb2").status_code == 400


def test_a_native_app_needs_pkce_whatever_secret_it_has(app: Any, http: FlaskClient) -> None:
    """RFC 8252 sections 8.1 and 8.5: a secret in a program that people hold is none."""
    authorizing.make_app(application_type="native", redirect_uris=[CALLBACK])
    answer = authorize(http, code_challenge=None, code_challenge_method=None, scope="openid", nonce="n")
    assert authorizing.answer_of(answer)["error"] == "invalid_request"
