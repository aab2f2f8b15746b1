"""Programs that fetch tokens for themselves, set up as docs/connect says: Prometheus, oidc-agent."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from authserver import connect_pages
from authserver.connect_pages import Page
from tests.interop import devices, sites
from tests.interop.house import EMAIL, House
from tests.services.gateways import Echo
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
SECONDS = 30


def test_prometheus_scrapes_with_a_token(house: House, folder: Path) -> None:
    program, port = sites.program("prometheus", "prometheus"), free_port()
    files = house.follow("prometheus", "").files()
    api = Echo()
    try:
        text = files["prometheus.yml"].replace("scheme: https", "scheme: http").replace(
            "api.example.com", f"127.0.0.1:{api.port}"
        )  # fmt: skip
        sites.write(folder, {"prometheus.yml": "global: {scrape_interval: 1s}\n" + text})
        command = [
            program,
            "--config.file=prometheus.yml",
            f"--web.listen-address=127.0.0.1:{port}",
            "--storage.tsdb.path=data",
        ]
        with sites.running(command, folder, port, house.environment()):
            deadline = time.monotonic() + SECONDS
            while not api.seen and time.monotonic() < deadline:
                time.sleep(0.1)
        assert api.seen, (folder / "site.log").read_text()[-3000:]
        token = dict(api.seen[0])["Authorization"].removeprefix("Bearer ")
        told = requests.get(
            f"{house.issuer}/v1/me", headers={"Authorization": f"Bearer {token}"}, verify=str(house.bundle), timeout=20
        )
        assert told.json()["data"]["scopes"] == ["analytics:read"]
        house.check_name_of("prometheus")
    finally:
        api.stop()


def test_oidc_agent_hands_out_tokens(house: House, folder: Path) -> None:
    port = _port()
    with oidc_agent(house, folder, house.follow("oidc-agent", f"http://localhost:{port}"), "gen.sh", port) as log:
        arrived = house.visitor().open(_said(log, rf"{house.issuer}/oauth/authorize\S+"))
        assert arrived.url.startswith(f"http://localhost:{port}/"), arrived.text[:2000]
        _read_the_email(house, log)


def test_oidc_agent_registers_itself(house: House, folder: Path) -> None:
    page = connect_pages.pages()["oidc-agent"].filled({"issuer": house.issuer})
    token = house.server.cli("registration-token", "create")["token"]
    with oidc_agent(house, folder, page, "itself/gen.sh", INITIAL_ACCESS_TOKEN=token) as log:
        devices.allow(house.visitor(), _said(log, devices.CODE.pattern))
        _read_the_email(house, log)


def test_oidc_agent_on_a_machine_without_a_browser(house: House, folder: Path) -> None:
    page = connect_pages.pages()["oidc-agent"]
    made = house.server.cli(*shlex.split(page.files()["device/register.sh"])[1:])
    page = page.filled({"issuer": house.issuer, "client_id": made["client_id"]})
    with oidc_agent(house, folder, page, "device/gen.sh") as log:
        devices.allow(house.visitor(), _said(log, devices.CODE.pattern))
        _read_the_email(house, log)


@contextlib.contextmanager
def oidc_agent(
    house: House, folder: Path, page: Page, script: str, port: int = 4242, **environment: str
) -> Iterator[Path]:
    """The page's commands, then the token of what they set up; the file with everything that they say."""
    sites.program("oidc-gen", "oidc-agent-cli")
    # What a person would be asked, and the port of this run.
    answers = f"oidc-gen --pw-env=PASSWORD --confirm-default --no-url-call --cert-path '{house.bundle}'"
    text = page.files()[script].replace("oidc-gen", answers).replace("4242", str(port))
    sites.write(folder, {"run.sh": f"{text} </dev/null && {page.files()['use.sh']}"})
    home = {"HOME": str(folder), "PASSWORD": "a walk", "TMPDIR": str(folder)}
    log = folder / "site.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            ["sh", "run.sh"], cwd=folder, env=house.environment() | home | environment, stdout=out, stderr=out
        )
    try:
        yield log
    finally:
        process.terminate()
        process.wait(10)
        with contextlib.suppress(ProcessLookupError):  # the agent has gone into the background
            os.kill(int(_said(log, r"(?<=Agent pid )\d+")), signal.SIGTERM)


def _port() -> int:
    return next(port for port in iter(free_port, 0) if port < 49152)  # it takes no higher one


def _read_the_email(house: House, log: Path) -> None:
    token = _said(log, r"^eyJ\S+")
    bearer = {"Authorization": f"Bearer {token}"}
    told = requests.get(f"{house.issuer}/oauth/userinfo", headers=bearer, verify=str(house.bundle), timeout=20)
    assert told.json()["email"] == EMAIL


def _said(log: Path, pattern: str) -> str:
    """What a program says, sooner or later."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = re.search(pattern, log.read_text(), re.MULTILINE)
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])
