"""With the fast lane and without it the API gives the same answers."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask

from authserver import create_app
from authserver.config import Settings
from tests.api.conftest import key_of
from tests.conftest import Person

CHANGING = {"X-Request-Id", "Date", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "Content-Length"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/me", None), ("GET", "/v1", None), ("GET", "/v1/nowhere", None), ("PUT", "/v1/me", None),
        ("OPTIONS", "/v1/me", None), ("POST", "/v1/leaks", b"{"), ("POST", "/v1/api-keys", b"{}"),
        ("POST", "/v1/api-keys", b"a" * 70_000), ("GET", "/v1/errors/a%20b", None), ("GET", "/openapi.json", None),
    ],
)  # fmt: skip
def test_both_ways_answer_alike(
    app: Flask, settings: Settings, alice: Person, method: str, path: str, body: bytes | None
) -> None:
    slow = create_app(dataclasses.replace(settings, lane="off"))
    headers = {"Authorization": f"Bearer {key_of(alice)}", "Content-Type": "application/json"}

    def answer(of: Flask) -> tuple[int, Any, dict[str, str]]:
        got = of.test_client().open(path, method=method, headers=headers, data=body)
        error = (got.get_json(silent=True) or {}).get("error", {})
        return got.status_code, error.get("code"), {k: v for k, v in got.headers.items() if k not in CHANGING}

    assert answer(app) == answer(slow)
