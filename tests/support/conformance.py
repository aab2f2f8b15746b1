"""The client of the OpenID conformance plans, as the plans set it up, with the browser of its person.

For software that sends neither PKCE nor, where a module says so, a nonce.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from tests.conftest import Person
from tests.support import authorizing, protocol, registering
from tests.support.authorizing import answer_consent, answer_of, followed
from tests.support.protocol import App

CALLBACK = "https://suite.example.test/callback"
SCOPES = ["openid", "profile", "email", "address", "phone", "offline_access"]
ISSUER = "http://localhost:8000"


@dataclass
class Suite:
    """The client of the plans, and the browser of its person."""

    app: App
    browser: Any
    person: Person

    def request(self, **changes: Any) -> Any:
        asked = {
            "response_type": "code", "client_id": self.app.id, "redirect_uri": CALLBACK, "scope": "openid",
            "state": "s", "nonce": "n", **changes,
        }  # fmt: skip
        sent = urlencode({name: value for name, value in asked.items() if value is not None})
        return followed(self.browser, self.browser.get("/oauth/authorize?" + sent))

    def answer(self, **changes: Any) -> dict[str, str]:
        """What comes back once the person has allowed whatever they are asked."""
        page = self.request(**changes)
        return answer_of(page if page.status_code == 303 else answer_consent(self.browser, page))

    def exchange(self, code: str, **changes: Any) -> Any:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **changes}
        return self.browser.post("/oauth/token", data=form, headers=self.app.basic)

    def tokens(self, **changes: Any) -> dict[str, Any]:
        answer = self.exchange(self.answer(**changes)["code"], redirect_uri=changes.get("redirect_uri", CALLBACK))
        assert answer.status_code == 200, answer.text
        return answer.json

    def id_token(self, **changes: Any) -> dict[str, Any]:
        return protocol.claims(self.tokens(**changes)["id_token"])

    def userinfo(self, token: str, method: str = "GET") -> Any:
        return self.browser.open("/oauth/userinfo", method=method, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open"}


@pytest.fixture
def suite(http: FlaskClient, alice: Person) -> Suite:
    authorizing.sign_in(http, alice)
    return Suite(protocol.register(redirect_uris=[CALLBACK], scopes=SCOPES, require_pkce=False), http, alice)


def header(token: str) -> dict[str, Any]:
    part = token.split(".")[0]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def dynamic(suite: Suite, **members: Any) -> dict[str, Any]:
    """Register as the suite does (OpenID Connect Registration 1.0, section 3.1)."""
    asked = {"redirect_uris": [CALLBACK], "application_type": "web", "scope": " ".join(SCOPES), **members}
    reply = registering.register(asked)
    assert reply.status == 201, reply.json
    suite.app = App(reply.json["client_id"], reply.json.get("client_secret", ""))
    return reply.json
