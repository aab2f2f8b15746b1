"""What a server counted is written when it stops (contract 11.16)."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import create_engine, text

from authserver.config import Settings
from tests.support import long_sets
from tests.support.browsing import OverHttp
from tests.support.served import KINDS, Served, running

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
TOKENS = 40


@pytest.mark.long_fault
@pytest.mark.parametrize("kind", long_sets.others_later(KINDS, now="postgresql"))
def test_no_count_is_lost_when_every_worker_is_told_to_stop(kind: str) -> None:
    with running(kind, workers=2) as server:
        job = server.machine("Job", "--introspect-all")
        server.user("alice@example.test")
        key = server.cli("key", "create", "--owner", "alice@example.test", "--name", "CI", "--permission", "read_only")[
            "key"
        ]
        for _ in range(TOKENS):
            assert job.client_credentials().status == 200
        assert job.introspect(key)["credential"] == "api_key"
        assert job.client_credentials(scope="no:such").status == 400
        # Sooner than the next batch would have been written.
        assert server.stop(gently=True) == 0
        url = Settings(database_url=server.environment["AUTHSERVER_DATABASE_URL"]).sqlalchemy_url
        engine = create_engine(url)
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT metric, sum(count) FROM usage_counts GROUP BY metric")).all()
            used = connection.scalar(text("SELECT last_used_ip FROM api_keys"))
        engine.dispose()
    assert {metric: int(count) for metric, count in rows} == {
        "tokens": TOKENS, "introspections": 1, "key_checks": 1, "refusals": 1,
    }  # fmt: skip
    assert used == "127.0.0.1"


def test_a_refusal_is_found_at_once_whichever_worker_is_asked(served: Served) -> None:
    served.user("alice@example.test")
    made = served.cli("key", "create", "--owner", "alice@example.test", "--name", "CI", "--permission", "read_only")
    ask = {"Authorization": f"Bearer {made['key']}"}
    for _ in range(20):  # each over a connection of its own, and so at one worker or the other
        refused = OverHttp().send("GET", f"{served.issuer}/v1/api-keys", b"", ask)
        assert refused.status == 403
        path = f"/v1/errors/{json.loads(refused.body)['error']['request_id']}"
        assert OverHttp().send("GET", served.issuer + path, b"", ask).status == 200
