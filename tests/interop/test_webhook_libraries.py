"""Receivers with other people's webhook libraries, set up as docs/connect says, against real deliveries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import urllib3
from flask import Flask

from authserver import connect_pages
from authserver.domain.webhooks import courier
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.lib import clock, webhook_signatures
from tests.conftest import Person
from tests.interop import sites
from tests.interop.house import House
from tests.support.served import free_port
from tests.support.webhooks import SECRET, endpoint, happen

pytestmark = [pytest.mark.interop, pytest.mark.long_interop]
PAGE = "webhooks"  # of docs/connect
OLD = 3600


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


@pytest.mark.parametrize("file", connect_pages.pages()[PAGE].files())
def test_a_library_takes_what_is_ours_and_refuses_the_rest(
    file: str, app: Flask, alice: Person, folder: Path, house: House
) -> None:
    port = free_port()
    sites.write(folder, connect_pages.pages()[PAGE].files())
    command = [str(sites.python("webhooks")), "-m", "flask", "--app", file, "run", "--port", str(port)]
    with sites.running(command, folder, port, {**house.environment(), "WEBHOOK_SECRET": SECRET}):
        url = f"http://127.0.0.1:{port}/"
        hook = endpoint(alice, url, secret=SECRET)
        happen(alice, amr=["pwd"], name="Ünïcode “quoted” \\ slash")
        courier.send_due()
        assert webhook_deliveries.count_by_state(hook.id) == {"delivered": 1}, (folder / "site.log").read_text()
        assert "user.login" in (folder / "site.log").read_text()
        body, now = b'{"id":"evt_1","type":"user.login"}', clock.now()
        for secret, at, sent in (
            ("whsec_" + "A" * 32, now, body),
            (SECRET, now - OLD, body),
            (SECRET, now, body.replace(b"login", b"logon")),
        ):
            headers = webhook_signatures.headers("X-Kaie-Signature", [secret], "evt_1", at, body)
            got = urllib3.request("POST", url, body=sent, headers=headers, retries=False, timeout=10)
            assert got.status == 401
