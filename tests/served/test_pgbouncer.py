"""Behind PgBouncer in transaction mode the server starts, migrates and answers, with nothing said to it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.services import pgbouncer, postgres
from tests.support import parallel, served

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
REQUESTS = 300


@pytest.mark.parametrize("ignoring", ["", "options,extra_float_digits"], ids=["refusing", "ignoring"])
def test_no_request_fails_behind_a_pooler(tmp_path: Path, ignoring: str) -> None:
    """Its two connections serve the four of our workers: what outlived a transaction would meet another's."""
    behind = postgres.create_database()
    try:
        with (
            pgbouncer.in_front_of(behind, tmp_path, ignoring=ignoring) as url,
            served.running("postgresql", url=url, workers=2) as server,
        ):
            app = server.app()
            tokens = app.tokens(server.browser("alice@example.test"))
            introspection = parallel.request(
                server.issuer + "/oauth/introspect", {"token": tokens["access_token"]}, app.basic
            )
            answers = parallel.volley(server.issuer, [introspection] * REQUESTS)
            assert Counter(each.status for each in answers) == {200: REQUESTS}
            assert app.refresh(tokens["refresh_token"]).status == 200
            assert '"event":"database_pooler_found"' in server.log
            assert not server.errors()
    finally:
        postgres.drop_database(behind)


def test_limits_hold_within_transactions_there(tmp_path: Path) -> None:
    from authserver.poolers import Pooler

    pooler = Pooler("yes", {"lock_timeout": "5000", "timezone": "UTC"})
    assert pooler.begin("BEGIN") == "BEGIN; SET LOCAL lock_timeout = '5000'"
