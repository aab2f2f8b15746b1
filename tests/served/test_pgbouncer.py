"""Behind PgBouncer in transaction mode the server starts, migrates and answers, with nothing said to it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from authserver import engines
from authserver.config import Settings
from tests.services import pgbouncer, postgres
from tests.support import parallel, served

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
REQUESTS = 300
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


@pytest.mark.parametrize(
    "ignoring",
    [
        pytest.param("", id="refusing"),
        pytest.param("options,extra_float_digits", id="ignoring", marks=pytest.mark.long_more),
    ],
)
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
    behind = postgres.create_database()
    try:
        with pgbouncer.in_front_of(behind, tmp_path) as url:
            engine = engines.build(Settings(database_url=url))
            with engine.begin() as connection:
                limits = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in LIMITS]
            with engines.without_begin(engine).connect() as connection:
                left_behind = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in LIMITS]
            engine.dispose()
    finally:
        postgres.drop_database(behind)
    assert (limits, left_behind) == (["5s", "5s", "30s"], ["0", "0", "0"])
