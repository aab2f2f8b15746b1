"""An app that nobody knows: from a 401 by registration, consent and tokens to an API that takes them."""

from __future__ import annotations

import html
from typing import Any

import pytest

from authserver.domain.access import resources
from tests.support import authorizing, protocol, registering
from tests.support.authorizing import VERIFIER, answer_consent, answer_of, authorize, followed

NOTES = "https://notes.example.test/mcp"
CALLBACK = "http://localhost:3030/callback"
ARRIVED_AT = "http://localhost:49152/callback"  # any port of a loopback address (RFC 8252 section 7.3)


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open"}


def asked(client_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "client_id": client_id, "redirect_uri": ARRIVED_AT, "scope": "openid notes:read notes:write offline_access",
        "resource": NOTES, "prompt": "consent", **changes,
    }  # fmt: skip


def test_an_app_that_nobody_knows_registers_is_allowed_and_calls_the_api(browser: Any, alice: Any) -> None:
    resources.create(NOTES, "Notes", scopes=("notes:read", "notes:write"), open=True, access_token_ttl=600)
    program, hers = browser(), browser()
    where = program.get("/.well-known/oauth-authorization-server").json["registration_endpoint"]
    document = {**registering.MCP, "token_endpoint_auth_method": "none", "scope": "notes:read"}
    made = program.post(where.removeprefix("http://localhost:8000"), json=document).json

    authorizing.sign_in(hers, alice)
    page = followed(hers, authorize(hers, **asked(made["client_id"])))
    text = html.unescape(page.text)
    assert "Notes agent" in text and "Unverified" in text
    assert "This app registered itself. The name is what it calls itself." in text
    assert "an app on <b>this computer</b> (localhost:49152)" in text
    answer = answer_of(answer_consent(hers, page))
    assert answer["iss"] == "http://localhost:8000"

    form = {
        "grant_type": "authorization_code", "code": answer["code"], "redirect_uri": ARRIVED_AT, "resource": NOTES,
        "code_verifier": VERIFIER, "client_id": made["client_id"],
    }  # fmt: skip
    tokens = program.post("/oauth/token", data=form).json
    claims = protocol.claims(tokens["access_token"])
    assert (claims["aud"], claims["sub"], claims["client_id"]) == (NOTES, alice.id, made["client_id"])
    assert set(tokens["scope"].split()) == {"notes:read", "notes:write"}, "down to what it may have, and told"
    assert tokens["expires_in"] == 600

    again = {
        "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": made["client_id"],
        "resource": NOTES,
    }  # fmt: skip
    renewed = program.post("/oauth/token", data=again).json
    assert protocol.claims(renewed["access_token"])["aud"] == NOTES


def test_people_are_asked_each_time_and_never_silently(browser: Any, alice: Any) -> None:
    made = registering.register(token_endpoint_auth_method="none").json
    hers = browser()
    authorizing.sign_in(hers, alice)
    request = {"client_id": made["client_id"], "redirect_uri": CALLBACK, "scope": "openid"}
    page = followed(hers, authorize(hers, **request))
    assert "code" in answer_of(answer_consent(hers, page))
    assert followed(hers, authorize(hers, **request)).request.path == "/oauth/authorize/consent"
    assert answer_of(authorize(hers, **request, prompt="none"))["error"] == "consent_required"


@pytest.mark.parametrize("resource", ["https://closed.example.test", "https://unknown.example.test"])
def test_an_api_that_is_not_open_is_no_target(browser: Any, alice: Any, resource: str) -> None:
    resources.create("https://closed.example.test", "Closed", scopes=("closed:read",))
    made = registering.register(token_endpoint_auth_method="none").json
    hers = browser()
    authorizing.sign_in(hers, alice)
    answer = authorize(hers, client_id=made["client_id"], redirect_uri=CALLBACK, resource=resource, scope="openid")
    assert answer.status_code == 400  # nobody vouches for it: a page, and no way out by itself
    assert "invalid_target" in html.unescape(answer.text)


def test_pkce_is_not_left_out(browser: Any, alice: Any) -> None:
    made = registering.register(token_endpoint_auth_method="none").json
    hers = browser()
    authorizing.sign_in(hers, alice)
    answer = authorize(hers, client_id=made["client_id"], redirect_uri=CALLBACK, scope="openid", code_challenge=None,
                       code_challenge_method=None, nonce="n")  # fmt: skip
    assert (answer.status_code, "invalid_request" in html.unescape(answer.text)) == (400, True)
