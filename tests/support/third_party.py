"""A third-party app and the person it sends to us: the flows of RFC 6749 over any wire."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

from authserver.lib import pkce
from tests.support.browsing import Answer, Browser, Wire

CALLBACK = "https://app.example.test/callback"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Request:
    """One authorization request: its URL and what the app keeps for itself."""

    url: str
    verifier: str
    state: str
    parameters: dict[str, str]


@dataclass
class App:
    """A program that knows its credentials and speaks to the protocol endpoints."""

    issuer: str
    wire: Wire
    client_id: str
    client_secret: str = ""
    redirect_uri: str = CALLBACK
    scope: str = "openid email workflows:read"
    headers: dict[str, str] = field(default_factory=dict)

    # -- machine endpoints

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.wire.send(method, self.issuer + path, body, {**self.headers, **given})

    def post(self, path: str, fields: Mapping[str, Any] | Iterable[tuple[str, str]], **headers: str) -> Answer:
        """A form with this app's authentication."""
        pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
        pairs = [(name, value) for name, value in pairs if value is not None]
        if not self.client_secret and not any(name == "client_id" for name, _ in pairs):
            pairs.append(("client_id", self.client_id))
        given = {"Content-Type": FORM, **(self.basic if self.client_secret else {}), **headers}
        return self.send("POST", path, urlencode(pairs, doseq=True).encode(), **given)

    @property
    def basic(self) -> dict[str, str]:
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}

    def token(self, **fields: Any) -> Answer:
        return self.post("/oauth/token", fields)

    def client_credentials(self, **fields: Any) -> Answer:
        return self.token(grant_type="client_credentials", **fields)

    def redeem(self, code: str, verifier: str, **fields: Any) -> Answer:
        given = {"code": code, "redirect_uri": self.redirect_uri, "code_verifier": verifier}
        return self.token(grant_type="authorization_code", **given | fields)

    def refresh(self, refresh_token: str, **fields: Any) -> Answer:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **fields)

    def introspect(self, token: str, **fields: Any) -> dict[str, Any]:
        answer = self.post("/oauth/introspect", {"token": token, **fields})
        assert answer.status == 200, (answer.status, answer.text)
        return dict(answer.json)

    def is_active(self, token: str) -> bool:
        return bool(self.introspect(token)["active"])

    def revoke(self, token: str, **fields: Any) -> Answer:
        return self.post("/oauth/revoke", {"token": token, **fields})

    def userinfo(self, access_token: str) -> Answer:
        return self.send("GET", "/oauth/userinfo", Authorization=f"Bearer {access_token}")

    # -- the person's way

    def ask(self, **changes: Any) -> Request:
        """A new authorization request; None leaves a parameter out."""
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(12)
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": state,
            "nonce": secrets.token_urlsafe(12),
            "code_challenge": pkce.challenge(verifier),
            "code_challenge_method": "S256",
        } | changes
        kept = {name: value for name, value in parameters.items() if value is not None}
        return Request(f"{self.issuer}/oauth/authorize?{urlencode(kept)}", verifier, state, kept)

    def sent_back(self, browser: Browser, asked: Request, action: str = "allow", **fields: Any) -> Answer:
        """The redirect that ends the person's visit: signed in already, asked for consent if need be."""
        answer = browser.open(asked.url)
        if answer.status == 200:
            answer = browser.submit(answer.form("/oauth/authorize/consent"), action=action, **fields)
        assert answer.status in (302, 303), f"{answer.status} at {answer.url}: {answer.text[:3000]}"
        assert answer.location.startswith(self.redirect_uri), answer.location
        return answer

    def code(self, browser: Browser, **changes: Any) -> tuple[str, Request]:
        """A fresh code, with the request it answers."""
        asked = self.ask(**changes)
        got = self.sent_back(browser, asked).parameters
        assert got["state"] == asked.state and got["iss"] == self.issuer, got
        return got["code"], asked

    def tokens(self, browser: Browser, **changes: Any) -> dict[str, Any]:
        """The whole flow: what the token endpoint hands out."""
        code, asked = self.code(browser, **changes)
        answer = self.redeem(code, asked.verifier)
        assert answer.status == 200, (answer.status, answer.text)
        return dict(answer.json)
