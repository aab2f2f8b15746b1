"""Up, down, and equal to the models, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, select, text

from authserver import config, database, install
from authserver.config import Settings
from authserver.domain.access import permissions, scopes
from authserver.domain.people import users
from authserver.domain.running import revisions, schema, standing
from authserver.errors import Conflict, Unavailable
from authserver.models import ApiKey, AuditHead, CacheVersion
from tests.conftest import KINDS
from tests.services import postgres
from tests.support import databases


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """An empty database, installed."""
    url = f"sqlite:///{tmp_path / 'empty.sqlite3'}" if request.param == "sqlite" else postgres.create_database()
    settings = Settings(database_url=url, secret_key=databases.SECRET_KEY, log_level="ERROR")
    with config.using(settings):
        install(settings)
        yield settings
        database.engine().dispose()
    if request.param == "postgresql":
        postgres.drop_database(url)


def differences() -> list[Any]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from authserver.tables import Base

    with database.engine().connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)


def tables() -> set[str]:
    with database.engine().connect() as connection:
        return set(inspect(connection).get_table_names())


def test_the_migrations_build_exactly_what_the_models_say(empty: Settings) -> None:
    schema.ensure()
    assert differences() == []


def test_down_to_nothing_leaves_no_table_and_up_again_makes_all(empty: Settings) -> None:
    schema.migrate()
    before = tables()
    assert schema.migrate("base").state == "empty"
    assert tables() <= {"alembic_version"}
    assert schema.migrate().state == "current"
    assert tables() == before
    assert differences() == []


def _up_to(revision: str) -> None:
    from alembic import command

    with schema._migrating() as connection:
        command.upgrade(schema._alembic(connection), revision)


def test_each_single_step_down_and_up_works(empty: Settings) -> None:
    schema.migrate()
    revision = revisions.newest()
    while revision:
        below = revisions.known()[revision]
        schema.migrate(below or "base")
        _up_to(revision)
        schema.migrate(below or "base")
        revision = below
    assert schema.status().state == "empty"


@pytest.mark.long_more
def test_from_each_version_up_to_the_newest_and_back_works(empty: Settings) -> None:
    schema.migrate()
    revision = revisions.newest()
    while revision:
        below = revisions.known()[revision]
        schema.migrate(below or "base")
        schema.migrate()
        schema.migrate(below or "base")
        revision = below
    assert schema.status().state == "empty"


def test_an_empty_database_gets_its_first_rows_and_keys_once(empty: Settings) -> None:
    schema.ensure()
    schema.ensure()
    with database.reading() as session:
        assert session.scalars(select(AuditHead.id)).all() == [1]
        assert sorted(session.scalars(select(CacheVersion.name))) == [
            "clients",
            "permissions",
            "routes",
            "scopes",
            "signing_keys",
        ]
        assert sorted(session.scalars(text("SELECT alg FROM signing_keys"))) == ["ES256", "RS256"]
    assert "workflows:read" in scopes.all()


def test_nobody_has_an_account_or_a_credential_in_a_new_installation(empty: Settings) -> None:
    schema.ensure()
    with database.reading() as session:
        for table in ("users", "clients", "client_secrets", "api_keys", "sessions", "one_time_links"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


@pytest.mark.parametrize(
    ("revision", "state", "help"),
    [("0001", "behind", "authserver migrate"), ("9999", "ahead", "newer"), ("", "empty", "authserver migrate")],
)
def test_another_revision_is_named_and_never_touched_at_a_start(
    empty: Settings, revision: str, state: str, help: str
) -> None:
    schema.migrate()
    with database.transaction() as session:
        session.execute(
            text("UPDATE alembic_version SET version_num = :revision, serves = '9999'"), {"revision": revision}
        )
    assert schema.status().state == state
    assert help in schema.status().sentence
    if state != "empty":
        with pytest.raises(Unavailable, match=help):
            schema.ensure()


def test_somebody_elses_tables_are_left_alone(empty: Settings) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE invoices (id INTEGER)"))
    with pytest.raises(Unavailable, match="not ours"):
        schema.ensure()
    assert schema.migrate().state == "unknown"
    assert tables() == {"invoices"}


def test_a_migration_that_fails_leaves_nothing_behind(empty: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_session: object) -> None:
        raise RuntimeError("half way")

    monkeypatch.setattr(scopes, "seed", fail)
    with pytest.raises(RuntimeError):
        schema.ensure()
    assert tables() == set()
    monkeypatch.undo()
    schema.ensure()
    assert schema.status().state == "current"


def _add_people(*addresses: str) -> None:
    with database.transaction() as session:
        for number, address in enumerate(addresses):
            session.execute(
                text(
                    "INSERT INTO users (id, email, username, name, given_name, family_name, role, tokens_not_before,"
                    " created_at, updated_at)"
                    " VALUES (:id, :email, :email, '', '', '', 'user', 0, 1, 1)"
                ),
                {"id": f"usr_{number}", "email": address},
            )


def test_addresses_of_before_get_their_key_and_stay_as_they_are(empty: Settings) -> None:
    schema.migrate()
    schema.migrate("0011")
    _add_people("alice@demo.test", "j\u00f6rg@xn--bcher-kva.example")
    schema.migrate()
    with database.reading() as session:
        rows = {row.email: row.email_key for row in session.execute(text("SELECT email, email_key FROM users"))}
    assert rows == {each: each for each in ("alice@demo.test", "j\u00f6rg@xn--bcher-kva.example")}


def test_keys_that_apps_made_before_stay_within_their_level_of_then(empty: Settings) -> None:
    schema.migrate()
    alice = users.create("alice@demo.test")
    schema.migrate("0048")
    with database.transaction() as session:
        for name, knows in (("own", "NULL"), ("of_an_app", "'email'")):
            session.execute(
                text(
                    "INSERT INTO api_keys (id, digest, hint, name, note, owner_id, permission, knows, allowed_networks,"
                    f" created_at, last_used_ip) VALUES ('{name}', :digest, '', '', '', :owner, 'read_only', {knows},"
                    " '[]', 1, '')"
                ),
                {"digest": name.encode(), "owner": alice.id},
            )
    schema.migrate()
    with database.reading() as session:
        within = {key.id: key.within for key in session.scalars(select(ApiKey))}
    assert within == {"own": None, "of_an_app": list(permissions.get("read_only").scopes)}


def test_addresses_that_are_the_same_now_are_reported_and_not_merged(empty: Settings) -> None:
    schema.migrate()
    schema.migrate("0011")
    _add_people("alice@demo.test", "Alice@Demo.Test", "bob@demo.test")
    with pytest.raises(Conflict, match=r"alice@demo\.test: usr_0, usr_1"):
        schema.migrate()
    assert schema.status().state == "behind"
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM users")) == 3


def test_a_newer_schema_that_serves_this_version_stops_nobody(empty: Settings) -> None:
    """Expand and contract: servers of before go on, and may start again, once a step that adds was migrated."""
    schema.migrate()
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert schema.status() == schema.Status("served", "9999")
    schema.ensure()
    standing.look()
    assert standing.known().checks["migrations"] == standing.OK
    assert schema.migrate() == schema.Status("served", "9999"), "who is older changes nothing"


def test_what_the_newest_schema_serves_is_written_beside_its_revision(empty: Settings) -> None:
    schema.migrate()
    with database.reading() as session:
        assert session.scalar(text("SELECT serves FROM alembic_version")) == revisions.serves()


@pytest.mark.parametrize(
    ("files", "serves", "also"),
    [
        ({"1": "1", "2": "", "3": ""}, "1", {"1", "2", "3"}),
        ({"1": "1", "2": "2", "3": ""}, "2", {"2", "3"}),
        ({"1": "1", "2": "", "3": "2"}, "2", {"2", "3"}),
        ({"1": "", "2": "", "3": ""}, "", set()),
    ],
)
def test_the_last_step_that_takes_away_says_who_is_served(
    files: dict[str, str], serves: str, also: set[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    before = ""
    for number, oldest in files.items():
        said = f'serves: str = "{oldest}"\n' if oldest else ""
        below = f'"{before}"' if before else "None"
        (versions / f"{number}.py").write_text(
            f'revision: str = "{number}"\ndown_revision: str | None = {below}\n{said}'
        )
        before = number
    monkeypatch.setattr(revisions.assets, "assets", lambda: tmp_path)
    monkeypatch.setattr(revisions, "known", revisions.known.__wrapped__)
    monkeypatch.setattr(revisions, "serves", revisions.serves.__wrapped__)
    assert revisions.serves() == serves
    assert {each for each in files if revisions.serves_also(each)} == also


# What a server of before stumbles over: something is gone, has another name, or has to be given.
TAKES_AWAY = re.compile(
    r"op\.(drop_column|drop_table|rename_table|alter_column|batch_alter_table)\("
    r"|\b(DROP|RENAME)\b"
    r"|add_column\((?:(?!server_default|nullable=True).)*nullable=False(?:(?!server_default).)*$",
    re.MULTILINE,
)


def takes_away(source: str) -> bool:
    """Whether the way up of a migration does more than add."""
    up = source.partition("def upgrade(")[2].partition("def downgrade(")[0]
    return TAKES_AWAY.search(up) is not None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('op.drop_column("users", "name")', True),
        ('op.execute("ALTER TABLE a RENAME TO b")', True),
        ('op.add_column("users", sa.Column("x", sa.Integer, nullable=False))', True),
        ('op.add_column("users", sa.Column("x", sa.Integer, nullable=False, server_default="0"))', False),
        ('op.add_column("users", sa.Column("x", sa.Integer))', False),
        ('op.create_index("ix", "users", ["name"])', False),
    ],
)
def test_a_step_that_takes_away_is_known(line: str, found: bool) -> None:
    source = f"def upgrade() -> None:\n    {line}\n\n\ndef downgrade() -> None:\n    op.drop_column('a', 'b')\n"
    assert takes_away(source) is found


def test_every_step_that_takes_away_says_whom_it_serves() -> None:
    """Without a word it serves whoever was served before: running servers would go on, and fail."""
    for file in sorted((schema.assets.assets() / "migrations" / "versions").glob("*.py")):
        source = file.read_text(encoding="utf-8")
        if file.name[:4] > "0050" and takes_away(source):
            assert re.search(r'^serves: str = "\w+"', source, re.MULTILINE), file.name
