"""Programs that fetch tokens for themselves, set up as docs/connect says: Prometheus."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests

from tests.interop import sites
from tests.interop.house import House
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
    finally:
        api.stop()
