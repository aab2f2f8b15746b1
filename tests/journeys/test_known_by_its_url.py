"""An app whose client_id is the URL of its description: looked up once its person is signed in, and allowed."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from authserver.domain.access import resources
from tests.support import authorizing, protocol
from tests.support import documents as hosting
from tests.support.authorizing import VERIFIER, answer_consent, answer_of, asking, authorize, followed
from tests.support.documents import Host

NOTES = "https://notes.example.test/mcp"
ARRIVED_AT = "http://127.0.0.1:49152/callback"


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


@pytest.fixture
def host(app: object) -> Iterator[Host]:
    with hosting.host() as made:
        yield made


def asked(url: str, **changes: Any) -> dict[str, Any]:
    return {"client_id": url, "redirect_uri": ARRIVED_AT, "scope": "openid notes:read", "resource": NOTES, **changes}


def test_from_a_url_that_nobody_knows_to_a_token_for_the_api(browser: Any, host: Host, alice: Any) -> None:
    resources.create(NOTES, "Notes", scopes=("notes:read",), open=True)
    url, hers, program = host.publish(), browser(), browser()
    login = authorize(hers, **asked(url))
    assert (login.status_code, urlsplit(login.location).path, host.asked) == (303, "/login", []), (
        "no stranger is served"
    )
    authorizing.sign_in(hers, alice)
    (back,) = parse_qs(urlsplit(login.location).query)["next"]
    page = followed(hers, hers.get(back))
    text = html.unescape(page.text)
    assert "<bdi>127.0.0.1</bdi> wants to access" in text, "its host is its name"
    assert "It calls itself “<bdi>Notes agent</bdi>”" in text and "Unverified" in text
    assert "an app on <b>this computer</b> (127.0.0.1:49152)" in text
    answer = answer_of(answer_consent(hers, page))
    form = {
        "grant_type": "authorization_code", "code": answer["code"], "redirect_uri": ARRIVED_AT, "client_id": url,
        "code_verifier": VERIFIER, "resource": NOTES,
    }  # fmt: skip
    claims = protocol.claims(program.post("/oauth/token", data=form).json["access_token"])
    assert (claims["aud"], claims["client_id"], claims["sub"]) == (NOTES, url, alice.id)
    assert len(host.asked) == 1
    connected = hers.get("/connected-apps").text
    assert "Notes agent" in connected


def test_a_request_by_post_comes_back_by_get(browser: Any, host: Host, alice: Any) -> None:
    url, hers = host.publish(), browser()
    authorizing.sign_in(hers, alice)
    answer = hers.post("/oauth/authorize", data=asking(**asked(url, resource=None)))
    assert answer.status_code == 303
    assert followed(hers, answer).request.path == "/oauth/authorize/consent"


@pytest.mark.parametrize("changes", [{"prompt": "none"}, {"state": "s" * 3000}])
def test_what_cannot_come_back_after_a_sign_in_is_a_page_of_ours(browser: Any, host: Host, changes: Any) -> None:
    answer = authorize(browser(), **asked(host.publish(), **changes))
    assert (answer.status_code, answer.headers.get("Location"), host.asked) == (400, None, [])


def test_a_document_that_is_none_is_a_page_of_ours_for_who_is_signed_in(browser: Any, host: Host, alice: Any) -> None:
    hers = browser()
    authorizing.sign_in(hers, alice)
    answer = authorize(hers, **asked(f"{host.origin}/nothing"))
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert "There is no document at the client_id" in html.unescape(answer.text)


def test_another_redirect_uri_is_never_followed(browser: Any, host: Host, alice: Any) -> None:
    hers = browser()
    authorizing.sign_in(hers, alice)
    for uri in ("http://127.0.0.1:1/other", "http://localhost:1/callback", "https://evil.example/callback"):
        answer = authorize(hers, **asked(host.publish(), redirect_uri=uri))
        assert (answer.status_code, answer.headers.get("Location")) == (400, None)
