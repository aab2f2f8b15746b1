"""HAProxy of Debian in front of an API, set up as docs/connect says: asking for every request, and by signatures."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.interop import sites
from tests.interop.house import EMAIL, House
from tests.services.gateways import Echo
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
RESOURCE = "https://api.example.test"
IDENTITY = ("x-auth-subject", "x-auth-client-id", "x-auth-scope", "x-auth-credential", "x-auth-permission")


@contextlib.contextmanager
def haproxy(house: House, folder: Path, file: str) -> Iterator[str]:
    """One of the page's two configurations before an API that shows what reached it; its address."""
    program, port = sites.program("haproxy", "haproxy"), free_port()
    files = house.follow("haproxy", "http://127.0.0.1:8080", resource=RESOURCE).files()
    behind = Echo()
    try:
        for old, new in {"8080": port, "8081": port, "9000": behind.port}.items():
            files[file] = files[file].replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        behind_https = house.server.issuer.removeprefix("http://localhost")
        files["kaie.lua"] = files["kaie.lua"].replace("http://127.0.0.1:8000", f"http://127.0.0.1{behind_https}")
        sites.write(folder, files)
        if file == "signed.cfg":
            subprocess.run([sys.executable, "keys.py"], cwd=folder, env=house.environment(), check=True, timeout=60)
        command = sites.trusting(house.bundle, [program, "-W", "-db", "-f", file])
        with sites.running(command, folder, port, {"PATH": os.environ["PATH"]}):
            yield f"http://127.0.0.1:{port}/things?a=b"
    finally:
        behind.stop()


def ask(address: str, credential: str = "", **headers: str) -> requests.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if credential:
        given["Authorization"] = f"Bearer {credential}"
    return requests.get(address, headers=given, timeout=20)


def arrived(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 200, (answer.status_code, answer.text)
    return {name.lower(): value for name, value in answer.json()["headers"]}


def test_it_asks_about_every_request(house: House, folder: Path) -> None:
    made = house.server.cli("key", "create", "--owner", EMAIL, "--name", "CI", "--permission", "read_only")
    job = house.machine("--scope", "workflows:read")
    weak = house.machine("--scope", "analytics:read")
    with haproxy(house, folder, "asked.cfg") as address:
        told = arrived(ask(address, made["key"], X_Auth_Scope="admin", X_Auth_Client_Id="me"))
        assert [told.get(name, "") for name in IDENTITY[1:]] == [
            "",
            "analytics:read workflows:read",
            "api_key",
            "read_only",
        ]
        assert "authorization" not in told
        assert arrived(ask(address, house.token(job)))["x-auth-client-id"] == job["client_id"]
        assert ask(address).status_code == 401
        assert ask(address, "kaie_ak_nothing").status_code == 401
        assert ask(address, house.token(weak)).status_code == 403
        house.server.cli("key", "revoke", made["id"])
        assert ask(address, made["key"]).status_code == 401


def test_it_checks_signatures(house: House, folder: Path) -> None:
    job, other = house.machine("--resource", RESOURCE), house.machine()
    with haproxy(house, folder, "signed.cfg") as address:
        good = house.token(job, resource=RESOURCE)
        assert arrived(ask(address, good))
        head, body, signature = good.split(".")
        for bad in ("", "garbage", house.token(other), f"{head}.{body}.{signature[:-6]}AAAAAA", f"{head}.{body}."):
            assert ask(address, bad).status_code == 401, bad


def test_an_expired_token_is_refused(house: House, folder: Path) -> None:
    job = house.machine("--resource", RESOURCE)
    with haproxy(house, folder, "signed.cfg"):
        pass
    text = (folder / "signed.cfg").read_text()
    # An hour later is now: the clock of the check is moved, not the token.
    (folder / "signed.cfg").write_text(text.replace("date()", "date(7200)"))
    port = int(text.partition("127.0.0.1:")[2].split()[0])
    command = [sites.program("haproxy", "haproxy"), "-W", "-db", "-f", "signed.cfg"]
    with sites.running(command, folder, port, {"PATH": os.environ["PATH"]}):
        time.sleep(0.2)
        answer = ask(f"http://127.0.0.1:{port}/", house.token(job, resource=RESOURCE))
        assert answer.status_code == 401
