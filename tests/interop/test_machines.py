"""Programs that fetch tokens for themselves, set up as docs/connect says: Prometheus, oidc-agent."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.interop import sites
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
    sites.program("oidc-gen", "oidc-agent-cli")
    port = next(port for port in iter(free_port, 0) if port < 49152)  # it takes no higher one
    files = house.follow("oidc-agent", f"http://localhost:{port}").files()
    # What a person would be asked, and the port of this run.
    answers = f"oidc-gen --pw-env=PASSWORD --confirm-default --no-url-call --cert-path '{house.bundle}'"
    text = files["gen.sh"].replace("oidc-gen", answers).replace("4242", str(port))
    sites.write(folder, {"run.sh": f"{text} </dev/null && {files['use.sh']}"})
    environment = {**house.environment(), "HOME": str(folder), "PASSWORD": "a walk", "TMPDIR": str(folder)}
    log = folder / "site.log"
    with log.open("w") as out:
        process = subprocess.Popen(["sh", "run.sh"], cwd=folder, env=environment, stdout=out, stderr=out)
    try:
        url = _said(log, rf"{house.issuer}/oauth/authorize\S+")
        arrived = house.visitor().open(url)
        assert arrived.url.startswith(f"http://localhost:{port}/"), arrived.text[:2000]
        token = _said(log, r"^eyJ\S+")
    finally:
        process.terminate()
        process.wait(10)
        with contextlib.suppress(ProcessLookupError):  # the agent has gone into the background
            os.kill(int(_said(log, r"(?<=Agent pid )\d+")), signal.SIGTERM)
    told = requests.get(
        f"{house.issuer}/oauth/userinfo",
        headers={"Authorization": f"Bearer {token}"},
        verify=str(house.bundle),
        timeout=20,
    )
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
