"""A proxy that nobody named is told of, and nothing loosens by its header (contract 11.43)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver import config
from authserver.domain.ground import usage
from authserver.domain.running import readiness
from authserver.edge import unknown_proxies
from authserver.errors import BadSettings
from authserver.observability import logs


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    unknown_proxies._seen.clear()
    unknown_proxies._told.clear()


def visit(http: FlaskClient, people: int, peer: str = "10.0.0.5") -> None:
    for number in range(people):
        http.get("/healthz", headers={"X-Forwarded-For": f"203.0.113.{number}"}, environ_base={"REMOTE_ADDR": peer})


def proxies() -> dict[str, Any]:
    usage.flush()
    item = next(item for item in readiness.checklist() if item.title == "Known proxies")
    return {"done": item.done, "advice": item.advice, "command": item.command}


def test_the_requests_of_many_people_from_one_peer_are_a_line_in_the_log_and_a_row_on_the_checklist(
    http: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(logs, "event", lambda name, **facts: said.append((name, facts)))
    visit(http, unknown_proxies.PEOPLE - 1)
    assert proxies()["done"]
    visit(http, unknown_proxies.PEOPLE + 30)
    assert not proxies()["done"]
    assert "10.0.0.5" in proxies()["advice"]
    told = [facts for name, facts in said if name == "unknown_proxy"]
    assert [facts["remedy"] for facts in told] == ["AUTHSERVER_TRUSTED_PROXIES=10.0.0.5"]


def test_one_client_that_writes_the_header_itself_is_no_proxy(http: FlaskClient) -> None:
    for _ in range(200):
        visit(http, 1)
    assert proxies()["done"]


@pytest.mark.parametrize("overrides", [{"trusted_proxies": ("10.0.0.0/8",)}])
def test_a_named_proxy_is_none_of_them(http: FlaskClient) -> None:
    visit(http, unknown_proxies.PEOPLE + 5)
    assert proxies()["done"]


def test_the_header_of_an_unknown_proxy_changes_no_address(
    browser: Callable[[], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr("authserver.domain.ground.throttle.address_key", lambda ip: seen.append(ip) or ip)
    browser().post(
        "/login", headers={"X-Forwarded-For": "203.0.113.9"}, environ_base={"REMOTE_ADDR": "10.0.0.5"}, data={}
    )
    assert "203.0.113.9" not in seen


@pytest.mark.parametrize("networks", ["0.0.0.0/0", "::/0", "0.0.0.0/1,128.0.0.0/1", "10.0.0.0/8,0.0.0.0/0"])
def test_trusting_everybody_needs_a_word_of_its_own(networks: str) -> None:
    environ = {"AUTHSERVER_TRUSTED_PROXIES": networks}
    with pytest.raises(BadSettings, match="AUTHSERVER_TRUST_ANY_PROXY=yes"):
        config.load(environ)
    assert config.load(environ | {"AUTHSERVER_TRUST_ANY_PROXY": "yes"}).trusted_proxies
