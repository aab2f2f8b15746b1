"""`authserver serve` hands endpoints a request as it was read, gunicorn's WSGI hands it over as an environment: byte by
byte the same answers."""

from __future__ import annotations

import http.client
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import long_sets, served
from tests.support.served import KINDS, Served

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# What servers add themselves, and what each answer has of its own.
OWN = {"date", "server", "connection", "x-request-id"}
REFUSED = re.compile(rb"(/refused/)\w+")
RANDOM = re.compile(rb'("(?:access_token|request_id|exp|iat|nbf|jti|reset|remaining)":\s?)("[^"]*"|\d+)')
COUNTING = re.compile(r"^(x-)?ratelimit")


@pytest.fixture(scope="module", params=long_sets.others_later(KINDS, now="sqlite"))
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, int]]:
    """A server of ours, and the port of a gunicorn on the same database and settings."""
    folder = tmp_path_factory.mktemp("gunicorn")
    with served.running(request.param, workers=1, rate_limit_token="off") as ours:
        port = served.free_port()
        command = [
            str(served.COMMAND.with_name("gunicorn")), "wsgi:app", "--no-control-socket", "--chdir", str(served.ROOT),
            "--bind", f"127.0.0.1:{port}", "--threads", "2",
        ]  # fmt: skip
        with (folder / "log").open("wb") as log:
            variables = ours.environment | {"PYTHONPATH": str(served.ROOT)}
            process = subprocess.Popen(command, env=variables, cwd=folder, stdout=log, stderr=log)
        try:
            _await(f"http://localhost:{port}/readyz", folder / "log")
            yield ours, port
        finally:
            process.terminate()
            process.wait(20)


def _await(url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if requests.get(url, timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def cast(both: tuple[Served, int]) -> dict[str, Any]:
    """Headers of clients and of a key, tokens of each kind."""
    ours, _ = both
    job = ours.machine("Job", "--introspect-all")
    opaque = ours.machine("Opaque", "--access-token-format", "opaque")
    key = ours.cli("key", "create", "--name", "Bench", "--owner", _owner(ours), "--permission", "read_write")
    return {
        "job": job.basic,
        "wrong": {"Authorization": "Basic " + "e" * 40},
        "key": {"Authorization": f"Bearer {key['key']}"},
        "jwt": job.client_credentials().json["access_token"],
        "opaque": opaque.client_credentials().json["access_token"],
        "api key": key["key"],
    }


def _owner(ours: Served) -> str:
    ours.user("alice@example.test")
    return "alice@example.test"


ORIGIN = {"Origin": "https://app.example.test"}
PREFLIGHT = ORIGIN | {"Access-Control-Request-Method": "POST"}
# Method, path, whose headers, more headers, body; {…} stands for a token.
ASKED: list[tuple[str, str, str, dict[str, str], str]] = [
    ("GET", "/healthz", "", {}, ""),
    ("GET", "/.well-known/jwks.json", "", {}, ""),
    ("HEAD", "/.well-known/jwks.json", "", {}, ""),
    ("GET", "/.well-known/jwks.json", "", {"If-None-Match": "*"}, ""),
    ("GET", "/.well-known/jwks.json", "", {"Accept-Encoding": "gzip"}, ""),
    ("GET", "/.well-known/openid-configuration", "", ORIGIN, ""),
    ("GET", "/.well-known/oauth-protected-resource/v1", "", {}, ""),
    ("GET", "/.well-known/oauth-protected-resource/%C3%A4", "", {}, ""),
    ("OPTIONS", "/oauth/token", "", PREFLIGHT, ""),
    ("OPTIONS", "/.well-known/jwks.json", "", PREFLIGHT, ""),
    ("OPTIONS", "/oauth/token", "", {}, ""),
    ("POST", "/oauth/token", "job", FORM, "grant_type=client_credentials"),
    ("POST", "/oauth/token", "job", FORM | ORIGIN, "grant_type=client_credentials&scope=workflows%3Aread"),
    ("POST", "/oauth/token", "job", FORM, "grant_type=client_credentials&grant_type=x"),
    ("POST", "/oauth/token", "job", FORM, "grant_type=refresh_token&refresh_token=x"),
    ("POST", "/oauth/token", "wrong", FORM, "grant_type=client_credentials"),
    ("POST", "/oauth/token?a=b", "job", FORM, "grant_type=client_credentials"),
    ("POST", "/oauth/token", "job", {"Content-Type": ""}, "grant_type=client_credentials"),
    ("POST", "/oauth/token", "job", {"Content-Type": "application/json"}, "{}"),
    ("POST", "/oauth/token", "job", FORM, ""),
    ("POST", "/oauth/token", "job", FORM, "a" * 65_537),
    ("PUT", "/oauth/token", "job", FORM, "grant_type=client_credentials"),
    ("POST", "/oauth/introspect", "job", FORM, "token={jwt}"),
    ("POST", "/oauth/introspect", "job", FORM, "token={opaque}"),
    ("POST", "/oauth/introspect", "job", FORM, "token={api key}"),
    ("POST", "/oauth/introspect", "job", FORM, "token=nonsense"),
    ("POST", "/oauth/introspect", "", FORM, "token={jwt}"),
    ("POST", "/oauth/revoke", "job", FORM, "token=nonsense"),
    ("GET", "/oauth/userinfo", "", {"Authorization": "Bearer {jwt}"}, ""),
    ("GET", "/oauth/userinfo", "", {}, ""),
    ("GET", "/gateway/auth", "key", {"X-Original-URI": "/workflows", "X-Original-Method": "GET"}, ""),
    ("GET", "/gateway/auth", "", {}, ""),
    ("POST", "/gateway/envoy/any/x", "key", FORM, "a=b"),
    ("GET", "/v1/me", "key", {}, ""),
    ("GET", "/v1/me", "", {"X-API-Key": "{api key}"}, ""),
    ("GET", "/v1/nothing", "key", {}, ""),
]


def test_both_give_the_same_answers(both: tuple[Served, int], cast: dict[str, Any]) -> None:
    ours, gunicorn = both
    ports = int(ours.issuer.rpartition(":")[2]), gunicorn
    for method, path, who, headers, body in ASKED:
        given = {name: _filled(value, cast) for name, value in (headers | cast.get(who, {})).items()}
        one, other = (_answer(port, method, path, given, _filled(body, cast).encode()) for port in ports)
        assert one == other, (method, path)
        assert one[0] < 500, (method, path, one)


def _filled(text: str, cast: dict[str, Any]) -> str:
    for name in ("jwt", "opaque", "api key"):
        text = text.replace("{" + name + "}", cast[name])
    return text


def _answer(port: int, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[Any, ...]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body or None, {"Host": "localhost", **headers})
        answer = connection.getresponse()
        found = answer.read()
        told = sorted((name.lower(), value) for name, value in answer.getheaders() if name.lower() not in OWN)
    finally:
        connection.close()
    kept = [(name, "…" if COUNTING.match(name) else value) for name, value in told]
    return answer.status, kept, REFUSED.sub(rb"\1*", RANDOM.sub(rb"\1*", found))
