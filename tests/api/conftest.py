"""What tests of the API share: credentials of every level, and a way to call."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from tests.conftest import Person
from tests.support import protocol

ROOMY = "1000000/hour"


@dataclass(frozen=True)
class Answer:
    """What came back: `json` is None for an empty body."""

    status: int
    json: Any
    headers: Any

    @property
    def data(self) -> Any:
        assert self.status < 300, (self.status, self.json)
        return self.json["data"]

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.json["error"]["code"]


Caller = Callable[..., Answer]


@pytest.fixture
def call(app: Flask) -> Caller:
    """`call("POST", "/v1/…", key, {...})`: through the whole application."""
    client = app.test_client()

    def send(method: str, path: str, credential: str | None = None, body: Any = None, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if credential is not None:
            sent.setdefault("Authorization", f"Bearer {credential}")
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        answer = client.open(path, method=method, headers=sent, data=data)
        return Answer(answer.status_code, answer.get_json(silent=True), answer.headers)

    return send


def key_of(person: Person, level: str = "full_access", **wish: Any) -> str:
    """A new key of this person."""
    return api_keys.create(person.user, Wish("Test", level, rate_limit=wish.pop("rate_limit", ROOMY), **wish))[1]


def token_of(person: Person, *scopes: str) -> str:
    """An access token of this person through some app, with these scopes alone."""
    app = protocol.register(scopes=["openid", *scopes])
    return str(protocol.tokens_for(person.id, app, scopes=["openid", *scopes])["access_token"])


def client_token(owner: Person | None, *scopes: str) -> str:
    """A token that a client of this owner got for itself."""
    app = protocol.register(scopes=list(scopes), owner_id=owner.id if owner else None)
    return str(protocol.client_credentials(app).json["access_token"])
