"""Liveness touches nothing; readiness is one word in public, and says why not to operators (contract.md section 10)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from authserver import database
from authserver.domain.ground import cache
from authserver.domain.running import standing
from authserver.edge import draining, readiness

LIVE = ("/healthz", "/livez", "/health/alive")
READY = ("/readyz", "/health/ready")
IS_READY, IS_NOT = {"status": "ok"}, {"status": "not ready"}


def checks() -> dict[str, str]:
    """What operators read."""
    return dict(json.loads(readiness.explained()[1])["checks"])


@pytest.mark.parametrize("path", LIVE)
def test_liveness_asks_no_database(http: FlaskClient, statements: Callable[[], Any], path: str) -> None:
    with statements() as sent:
        answer = http.get(path)
    assert (answer.status_code, answer.json) == (200, IS_READY)
    assert sent == []


@pytest.mark.parametrize("path", READY)
def test_readiness_is_one_word_and_asks_no_database(
    http: FlaskClient, statements: Callable[[], Any], path: str
) -> None:
    standing.look()
    with statements() as sent:
        answer = http.get(path)
    assert (answer.status_code, answer.json) == (200, IS_READY)
    assert sent == []


def test_operators_read_every_check(http: FlaskClient) -> None:
    standing.look()
    assert checks() == {"serving": "ok", "database": "ok", "migrations": "ok", "keys": "ok", "clock": "ok"}


@pytest.mark.parametrize("path", (*LIVE, *READY))
def test_health_is_stored_nowhere(http: FlaskClient, path: str) -> None:
    assert http.get(path).headers["Cache-Control"] == "no-store"


def test_before_the_first_look_it_is_not_ready(http: FlaskClient) -> None:
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json) == (503, IS_NOT)
    assert answer.headers["Retry-After"]


def test_a_look_writes_a_row(http: FlaskClient) -> None:
    standing.look()
    with database.reading() as session:
        first = session.scalar(text("SELECT written_us FROM write_probes"))
    standing.look()
    with database.reading() as session:
        assert session.scalar(text("SELECT written_us FROM write_probes")) > first


def test_an_older_schema_is_not_ready_and_operators_read_the_command(http: FlaskClient) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    standing.look()
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json) == (503, IS_NOT)
    assert "authserver migrate" in checks()["migrations"]


def test_without_signing_keys_it_is_not_ready(http: FlaskClient) -> None:
    with database.transaction() as session:
        session.execute(text("DELETE FROM signing_keys"))
        cache.touch(session, "signing_keys")
    standing.look()
    assert http.get("/readyz").json == IS_NOT
    assert checks()["keys"] != "ok"


def test_a_stopping_server_says_so_first_and_still_lives(http: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    standing.look()
    monkeypatch.setattr(draining, "_started", lambda: True)
    assert (http.get("/readyz").status_code, http.get("/readyz").json) == (503, IS_NOT)
    assert checks()["serving"] == "stopping"
    assert http.get("/healthz").status_code == 200
