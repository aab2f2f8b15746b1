"""Pages answer under the issuer's name, in whatever spelling."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

pytestmark = pytest.mark.parametrize("overrides", [{"issuer": "https://auth.example.com", "log_level": "INFO"}])


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("auth.example.com", 200),
        ("auth.example.com:443", 200),
        ("Auth.Example.COM", 200),
        ("auth.example.com.", 200),
        ("auth.example.com.:443", 200),
        ("auth.example.com:444", 421),
        ("auth.example.com:80", 421),
        ("auth.example.com..", 421),
        ("evil.example", 421),
        ("auth.example.com.evil.example", 421),
        ("auth.example.com@evil.example", 421),
    ],
)
def test_hosts_are_compared_as_hosts(
    http: FlaskClient, host: str, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert http.get("/login", headers={"Host": host}).status_code == status
    if status == 421:
        line = next(json.loads(each) for each in capfd.readouterr().err.splitlines() if '"asked_host"' in each)
        assert (line["asked_host"], line["own_host"]) == (host, "auth.example.com")
