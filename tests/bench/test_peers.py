"""The peer of `make bench PEERS=1`: its stores do what it asks of them, and it answers what it is asked."""

from __future__ import annotations

import subprocess

import pytest

from bench import endpoints, measuring
from bench.peers import oidc_provider
from tests.services import node

pytestmark = [pytest.mark.long_interop, pytest.mark.usefixtures("socket_enabled")]


@pytest.mark.parametrize("kind", ["redis", "postgresql"])
def test_a_store_of_the_peer_keeps_finds_consumes_and_ends(kind: str) -> None:
    words = [*node.command(), "conformance.mjs", kind]
    folder = oidc_provider.installed()
    with oidc_provider.store(kind) as (url, roots):
        done = subprocess.run([*words, url], cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("conforms\n", 0), done.stderr
    assert roots


def test_the_peer_answers_on_each_of_its_stores() -> None:
    with oidc_provider.running(workers=2) as peers:
        found = {
            each.name: [row for rows in measuring.rows([each], [4], seconds=0.2, rounds=2) for row in rows]
            for each in peers
        }
    bad = [row for rows in found.values() for row in rows if row["refused"] or not row["requests"]]
    assert bad == []
    asked = {name: {row["endpoint"] for row in rows} for name, rows in found.items()}
    without = {endpoints.JWKS, endpoints.TOKEN_JWT, endpoints.INTROSPECTION_OPAQUE}
    assert asked == {
        "oidc-provider, memory": without,
        "oidc-provider, redis": without | {endpoints.REFRESH_ES256},
        "oidc-provider, postgresql": without | {endpoints.REFRESH_ES256},
    }
