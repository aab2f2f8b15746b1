"""Decisions for a proxy, for each credential; and what they add to a request behind nginx."""

from __future__ import annotations

import contextlib
import json
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import load
from bench.load import Repeated
from tests.services import gateways
from tests.support import own_jwts
from tests.support.served import Served

# The limits are counted as ever, and never reached.
NO_LIMITS = {f"rate_limit_{kind}": "10000000/hour" for kind in ("api_key", "oauth", "jwt", "token")}
SCOPE = "workflows:read"
ROUNDS = 5


@dataclass
class Each:
    """Another request each time: JWTs that are good once."""

    raw: list[bytes]

    def request(self) -> bytes:
        return self.raw.pop()

    def take(self, body: bytes) -> None:
        """Nothing of the answer is needed."""


def runs(server: Served, connections: int, count: int) -> Iterator[tuple[str, list[Any], int]]:
    """Conversations with /gateway/auth, by name."""
    for name, token in _lasting(server):
        yield f"decision, {name}", [Repeated(_ask(token))] * connections, count
    # A quick connection sends more than its share.
    jwts = [_ask(token) for token in _own_jwts(server, count)]
    yield "decision, own JWT used once", [Each(jwts[n::connections]) for n in range(connections)], count // 2


def behind_nginx(server: Served, api: int, count: int) -> dict[str, str]:
    """How much longer a request takes with the check: one connection alone, and eight at once."""
    token = dict(_lasting(server))["API key"]
    talk = Repeated(_ask(token, "/readyz"))
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
                [load.run(each.port, [talk] * connections, count // ROUNDS, processes=1) for each in (plain, checked)]
                for _ in range(ROUNDS)
            ]
            for name in ("p50", "p99"):
                without, with_check = (statistics.median(getattr(run[which], name) for run in runs) for which in (0, 1))
                found[f"nginx, {connections} at once, {name}"] = (
                    f"{without:.2f} ms, with the check {with_check:.2f} ms: {with_check - without:+.2f} ms"
                )
    return found


def _lasting(server: Served) -> Iterator[tuple[str, str]]:
    server.user("bench@example.test")
    yield (
        "API key",
        server.cli("key", "create", "--owner", "bench@example.test", "--name", "Bench", "--permission", "read_only")[
            "key"
        ],
    )
    for form, name in (("jwt", "JWT access token"), ("opaque", "opaque access token")):
        job = server.machine(f"Bench {form}", "--access-token-format", form)
        yield name, job.client_credentials(scope=SCOPE).json["access_token"]


def _own_jwts(server: Served, count: int) -> list[str]:
    """JWTs that a client signed itself, each good for one request."""
    key = own_jwts.pair()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(own_jwts.key_set(key), file)
        file.flush()
        job = server.machine("Bench signer", "--jwks", file.name)
    aud = f"{server.issuer}/v1"
    return [own_jwts.own(job.client_id, key, aud=aud) for _ in range(count)]


def _ask(token: str, path: str = f"/gateway/auth/{SCOPE}") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
