"""authserver client block: apps that registered themselves, stopped from the shell."""

from __future__ import annotations

import json

from authserver.domain.clients import blocked_apps
from tests.cli.conftest import Command


def test_a_host_is_blocked_and_unblocked(command: Command) -> None:
    code, out, _ = command("client", "block", "Evil.example", "--json")
    assert (code, json.loads(out)) == (0, {"kind": "host", "value": "evil.example"})
    assert command("client", "unblock", "evil.example")[0] == 0
    assert blocked_apps.all() == ()
    assert command("client", "unblock", "evil.example")[0] == 3
