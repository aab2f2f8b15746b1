"""The example APIs as their README starts them, asked with real credentials of a served process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import own_jwts
from tests.support.own_jwts import pair
from tests.support.served import ROOT, Served, free_port
from tests.support.third_party import App

pytestmark = [pytest.mark.served, pytest.mark.interop]
FOLDER = ROOT / "examples" / "resource_servers"
RESOURCE = "https://reports.example"
SECONDS = 20


@dataclass
class Api:
    url: str

    def get(self, credential: str | None, scheme: str = "Bearer") -> requests.Response:
        headers = {} if credential is None else {"Authorization": f"{scheme} {credential}"}
        return requests.get(self.url, headers=headers, timeout=30)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Api]]:
    """Starts an example on a port of its own."""
    with contextlib.ExitStack() as running:

        def run(name: str, **variables: str) -> Api:
            port = free_port()
            log = running.enter_context((tmp_path / "example.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, str(FOLDER / name), str(port)],
                env={**os.environ, **variables},
                stdout=log,
                stderr=log,
            )
            running.callback(process.wait, 10)
            running.callback(process.kill)
            api = Api(f"http://127.0.0.1:{port}/reports")
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                with contextlib.suppress(requests.ConnectionError):
                    api.get(None)
                    return api
                time.sleep(0.05)
            raise AssertionError((tmp_path / "example.log").read_text())

        yield run


@pytest.fixture
def job(served: Served, tmp_path: Path) -> App:
    """A machine with keys of its own, which may also ask for tokens for the reports API."""
    declared = tmp_path / "resources.json"
    declared.write_text(json.dumps({"resources": [{"identifier": RESOURCE, "name": "Reports"}]}))
    served.cli("apply", str(declared))
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(own_jwts.key_set(pair())))
    return served.machine("Report job", "--resource", RESOURCE, "--jwks", str(keys))


def token(app: App, **fields: Any) -> str:
    answer = app.client_credentials(**fields)
    assert answer.status == 200, answer.text
    return str(answer.json["access_token"])


def own_jwt(app: App, **changes: Any) -> str:
    return own_jwts.own(app.client_id, aud=f"{app.issuer}/v1", **changes)


@pytest.mark.parametrize("example", ["flask_authlib.py", "offline_jwks.py"])
def test_an_api_that_verifies_by_itself(served: Served, job: App, start: Callable[..., Api], example: str) -> None:
    api = start(example, ISSUER=served.issuer, AUDIENCE=RESOURCE)
    good = token(job, resource=RESOURCE, scope="workflows:read")
    person = served.app("Example", "--scope", "openid workflows:read").tokens(
        served.browser("alice@example.test"), scope="openid workflows:read"
    )
    cases: list[tuple[str | None, int]] = [
        (good, 200),
        (None, 401),
        (token(job, scope="workflows:read"), 401),  # made for the issuer
        (token(job, resource=RESOURCE, scope="workflows:write"), 403),
        (person["id_token"], 401),
        (own_jwt(job), 401),
        (good[:-6] + "AAAAAA", 401),
        ("garbage", 401),
        ("a.b.c", 401),
    ]
    assert [api.get(credential).status_code for credential, _ in cases] == [status for _, status in cases]
    assert api.get(good).json()["read_by"] == job.client_id


def test_an_api_that_asks_about_every_credential(served: Served, job: App, start: Callable[..., Api]) -> None:
    caller = served.machine("Reports API", "--introspect-all")
    api = start(
        "introspection.py", ISSUER=served.issuer, CLIENT_ID=caller.client_id, CLIENT_SECRET=caller.client_secret
    )
    served.user("alice@example.test")
    key = served.cli("key", "create", "--owner", "alice@example.test", "--name", "CI", "--permission", "read_only")
    good, once = token(job, scope="workflows:read"), own_jwt(job, scope="workflows:read")
    assert [api.get(value).status_code for value in (good, key["key"], once)] == [200, 200, 200]
    assert api.get(once).status_code == 401  # a client's own JWT is good once
    assert api.get(token(job, scope="workflows:write")).status_code == 403
    assert [api.get(value).status_code for value in (None, "garbage", key["key"][:-1])] == [401, 401, 401]

    job.revoke(good)
    served.cli("key", "revoke", key["id"])
    assert [api.get(value).status_code for value in (good, key["key"])] == [401, 401]


def test_an_api_counts_what_it_is_asked(served: Served, start: Callable[..., Api]) -> None:
    caller = served.machine("Reports API", "--introspect-all")
    limited = served.machine("Busy job", "--rate-limit", "3/hour")
    api = start(
        "introspection.py", ISSUER=served.issuer, CLIENT_ID=caller.client_id, CLIENT_SECRET=caller.client_secret
    )
    credential = token(limited, scope="workflows:read")
    answers = [api.get(credential) for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert [each.headers.get("X-RateLimit-Remaining") for each in answers] == ["2", "1", "0", None]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
