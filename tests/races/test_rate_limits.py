"""One limit, many workers, many nodes: exact while the storage is there, half while it is not, never an error."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services import valkey
from tests.services.valkey import Valkey
from tests.support import parallel, served
from tests.support.served import Served
from tests.support.third_party import App

pytestmark = pytest.mark.served


def limited(server: Served, limit: str) -> str:
    """A token of a client with this limit."""
    return str(server.machine("Busy job", "--rate-limit", limit).client_credentials().json["access_token"])


def introspection(caller: App, token: str) -> bytes:
    fields = {"token": token, "rate_limit": "consume"}
    return parallel.request(f"{caller.issuer}/oauth/introspect", fields, caller.basic)


@pytest.mark.parametrize("attempts", [200])
def test_workers_share_a_limit_exactly(served: Served, attempts: int) -> None:
    caller, token = served.machine("Gateway", "--introspect-all"), limited(served, "100/hour")
    answers = parallel.volley(caller.issuer, [introspection(caller, token)] * attempts)
    states = [answer.json["rate_limit"] for answer in answers]
    allowed = [state["remaining"] for state in states if state["allowed"]]
    assert sorted(allowed) == list(range(100))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    with valkey.running(tmp_path) as started:
        yield started


@pytest.fixture
def nodes(server: Valkey, tmp_path: Path) -> Iterator[list[Served]]:
    """Two nodes on one database, each with its own folder."""
    url = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(served.running("sqlite", workers=1, url=url, redis_url=server.url)) for _ in range(2)
        ]


def consume(node: Served, caller: App, token: str) -> dict[str, Any]:
    answer = App(node.issuer, caller.wire, caller.client_id, caller.client_secret).introspect(
        token, rate_limit="consume"
    )
    return dict(answer["rate_limit"])


def test_nodes_share_a_limit_and_halve_it_while_valkey_is_gone(nodes: list[Served], server: Valkey) -> None:
    # The issuers differ by their port, so opaque tokens stand in for those of one address.
    first, second = nodes
    made = first.machine("Busy job", "--rate-limit", "10/hour", "--access-token-format", "opaque")
    token = str(made.client_credentials().json["access_token"])
    caller = first.machine("Gateway", "--introspect-all")

    states = [consume(node, caller, token) for node in [first, second] * 6]
    assert [state["remaining"] for state in states] == [*range(9, -1, -1), 0, 0]
    assert [state["allowed"] for state in states] == [True] * 10 + [False] * 2

    server.kill()
    states = [consume(first, caller, token) for _ in range(7)]
    assert {state["limit"] for state in states} == {5}
    assert sum(state["allowed"] for state in states) == 5

    server.start()
    time.sleep(1.1)
    assert consume(first, caller, token)["limit"] == 10
    assert not first.errors() and not second.errors()
