"""Liveness touches nothing; readiness says why not (contract.md section 10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from authserver import database
from authserver.domain.ground import cache
from authserver.domain.running import schema
from authserver.edge import draining

LIVE = ("/healthz", "/livez", "/health/alive")
READY = ("/readyz", "/health/ready")


@pytest.mark.parametrize("path", LIVE)
def test_liveness_asks_no_database(http: FlaskClient, statements: Callable[[], Any], path: str) -> None:
    with statements() as sent:
        answer = http.get(path)
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    assert sent == []


@pytest.mark.parametrize("path", READY)
def test_readiness_names_every_check(http: FlaskClient, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 200
    assert answer.json == {
        "status": "ok",
        "checks": {"serving": "ok", "database": "ok", "migrations": "ok", "keys": "ok"},
    }


@pytest.mark.parametrize("path", (*LIVE, *READY))
def test_health_is_stored_nowhere(http: FlaskClient, path: str) -> None:
    assert http.get(path).headers["Cache-Control"] == "no-store"


def test_a_lost_database_is_told_without_its_address(http: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("SELECT 1", {}, Exception("connection to 10.1.2.3 failed for user hunter2"))

    monkeypatch.setattr(schema, "reachable", refuse)
    answer = http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["checks"]["database"] == "The database does not answer."
    assert "10.1.2.3" not in answer.text
    assert answer.headers["Retry-After"]


def test_an_older_schema_is_not_ready_and_names_the_command(http: FlaskClient) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    answer = http.get("/readyz")
    assert answer.status_code == 503
    assert "authserver migrate" in answer.text


def test_without_signing_keys_it_is_not_ready(http: FlaskClient) -> None:
    with database.transaction() as session:
        session.execute(text("DELETE FROM signing_keys"))
        cache.touch(session, "signing_keys")
    answer = http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["checks"]["keys"] != "ok"


def test_a_stopping_server_says_so_first_and_still_lives(http: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "_started", lambda: True)
    answer = http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["checks"]["serving"] == "stopping"
    assert http.get("/healthz").status_code == 200
