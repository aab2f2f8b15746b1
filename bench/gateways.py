"""What a decision of ours adds to a request behind nginx."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from pathlib import Path

from bench import load
from bench.conversations import Repeated, raw
from bench.endpoints import PERSON
from tests.services import gateways
from tests.support.served import Served

ROUNDS = 5
SECONDS = 0.6


def behind_nginx(server: Served, api: int) -> dict[str, str]:
    """How much longer a request takes with the check: one connection alone, and eight at once."""
    made = server.cli("key", "create", "--owner", PERSON, "--name", "nginx", "--permission", "read_only")
    talk = Repeated(raw("GET /readyz", "localhost", {"Authorization": f"Bearer {made['key']}"}))
    auth = int(server.issuer.rpartition(":")[2])
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as opened:
        plain, checked = (
            opened.enter_context(
                gateways.running("nginx", Path(folder) / str(len(without)), auth=auth, api=api, without=without)
            )
            for without in ("auth_request /_auth;", "")
        )
        for connections in (1, 8):
            # In turns, so that whatever else this machine does meets both alike.
            runs = [
                [load.run(each.port, [talk] * connections, SECONDS) for each in (plain, checked)] for _ in range(ROUNDS)
            ]
            for name in ("p50", "p99"):
                without, with_check = (statistics.median(getattr(run[which], name) for run in runs) for which in (0, 1))
                found[f"nginx, {connections} at once, {name}"] = (
                    f"{without:.2f} ms, with the check {with_check:.2f} ms: {with_check - without:+.2f} ms"
                )
    return found
