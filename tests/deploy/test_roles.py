"""Two roles in a real PostgreSQL, made by the script of compose.yaml: one migrates, the other serves."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from authserver import cli, config, database, install
from authserver.domain.people import users
from authserver.domain.record import audit
from authserver.domain.running import retention, roles, schema
from authserver.tables import Base
from tests.services import missing, postgres
from tests.support.databases import SECRET_KEY
from tests.support.served import ROOT

DENIED = psycopg.errors.InsufficientPrivilege


@dataclass(frozen=True)
class Installation:
    """A database with its two roles, as the script makes them."""

    owner: str
    server: str

    def settings(self, **more: str) -> dict[str, str]:
        return {
            "AUTHSERVER_DATABASE_URL": self.server,
            "AUTHSERVER_MIGRATE_DATABASE_URL": self.owner,
            "AUTHSERVER_SECRET_KEY": SECRET_KEY,
            "AUTHSERVER_LOG_LEVEL": "ERROR",
            "AUTHSERVER_METRICS_BIND": "off",
            **more,
        }

    def connect(self, url: str = "") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(url or self.server, autocommit=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The script run for real, then `authserver migrate` as the owner."""
    folder = tmp_path_factory.mktemp("roles")
    admin = make_url(postgres.get().url)
    names = {each: f"test_{secrets.token_hex(5)}_{each}" for each in ("database", "owner", "server")}
    for role in ("owner", "server"):
        (folder / role).write_text("it's a \\password of " + role)
    psql = shutil.which("psql") or next(
        (str(each / "psql") for each in postgres.wheel_binaries() if (each / "psql").exists()), None
    )
    if psql is None:
        missing.skip_or_fail("psql is not installed", "sudo apt-get install -y postgresql-client")
    environment = {
        "PATH": f"{Path(psql).parent}:{os.environ['PATH']}",
        "PGHOST": str(admin.query.get("host", admin.host or "")),
        "PGPORT": str(admin.query.get("port", admin.port or 5432)),
        "PGPASSWORD": str(admin.password or ""),
        "POSTGRES_USER": str(admin.username or "postgres"),
        "DATABASE": names["database"],
        "OWNER_ROLE": names["owner"],
        "SERVER_ROLE": names["server"],
        "OWNER_PASSWORD_FILE": str(folder / "owner"),
        "SERVER_PASSWORD_FILE": str(folder / "server"),
    }
    script = ROOT / "deploy" / "postgres" / "roles.sh"
    done = subprocess.run([script], env=environment, capture_output=True, text=True, timeout=60)
    try:
        assert (done.returncode, done.stderr) == (0, "")
        where = urlencode({"host": environment["PGHOST"], "port": environment["PGPORT"]})
        urls = [
            f"postgresql://{names[role]}:{quote((folder / role).read_text())}@/{names['database']}?{where}"
            for role in ("owner", "server")
        ]
        found = Installation(*urls)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            for name, value in found.settings().items():
                patch.setenv(name, value)
            assert cli.main(["migrate"]) == 0
        yield found
    finally:
        with psycopg.connect(postgres.get().url.replace("+psycopg", ""), autocommit=True) as connection:
            for kind, name in (("DATABASE", "database"), ("ROLE", "server"), ("ROLE", "owner")):
                force = sql.SQL(" WITH (FORCE)") if kind == "DATABASE" else sql.SQL("")
                connection.execute(
                    sql.SQL("DROP {} IF EXISTS {}{}").format(sql.SQL(kind), sql.Identifier(names[name]), force)
                )


def fitting_client(made: Installation) -> Path:
    """The folder with a pg_restore as old as the server: one of 17 and newer restores into 17 and newer alone."""
    with made.connect() as connection:
        major = connection.info.server_version // 10_000
    for folder in (*postgres.system_binaries(), *postgres.wheel_binaries()):
        if f" {major}." in subprocess.run([folder / "pg_restore", "--version"], capture_output=True, text=True).stdout:
            return folder
    return missing.skip_or_fail(f"no pg_restore {major}", f"sudo apt-get install -y postgresql-client-{major}")


@pytest.fixture
def serving(made: Installation) -> Iterator[Installation]:
    """The process of the server: its role alone."""
    environ = {name: value for name, value in made.settings().items() if "MIGRATE" not in name}
    with config.using(config.load(environ)) as settings:
        install(settings)
        yield made
        database.engine().dispose()


def test_the_server_starts_on_what_the_owner_migrated(serving: Installation) -> None:
    schema.ensure()
    assert schema.status().state == "current"
    rights = roles.rights()
    assert (rights.superuser, rights.owner) == (False, False)


def test_the_server_cannot_change_or_delete_what_was_recorded(serving: Installation) -> None:
    users.create("alice@example.com", "Alice")
    refused = [
        "UPDATE audit_events SET actor = 'nobody'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "DELETE FROM audit_checkpoints",
        "UPDATE audit_checkpoints SET seq = 0",
        "UPDATE audit_checkpoints SET purged = true",
        "TRUNCATE audit_checkpoints",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head SELECT 2, seq, hash, signature, 0 FROM audit_head",
        "ALTER TABLE audit_events DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_events_keep_rows ON audit_events",
        "CREATE OR REPLACE FUNCTION audit_cut(bigint, text, bigint, bytea) RETURNS bigint LANGUAGE sql AS 'SELECT 1'",
        "SET session_replication_role = replica",
    ]
    with serving.connect() as connection:
        for statement in refused:
            with pytest.raises(DENIED):
                connection.execute(statement)  # type: ignore[arg-type]  # ours
    assert audit.verify().sound


def test_the_server_cannot_change_the_schema_or_rights(serving: Installation) -> None:
    refused = [
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE audit_events (id int)",
        "CREATE SCHEMA mine",
        "ALTER TABLE users ADD COLUMN mine int",
        "DROP TABLE users",
        "CREATE INDEX mine ON users (email)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "UPDATE alembic_version SET version_num = '0001'",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "COPY users TO '/tmp/mine'",
        "COPY users TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
    ]
    with serving.connect() as connection:
        for statement in refused:
            with pytest.raises(DENIED):
                connection.execute(statement)  # type: ignore[arg-type]  # ours
        (owner,) = connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'users'").fetchone() or ("",)
        with pytest.raises(DENIED):
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(str(owner))))


def test_every_other_table_can_be_read_and_written(serving: Installation) -> None:
    with serving.connect() as connection:
        for name in sorted(Base.metadata.tables.keys() - roles.APPENDED.keys()):
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                found = connection.execute("SELECT has_table_privilege(%s, %s)", (name, right)).fetchone()
                assert found == (True,), (name, right)


def test_retention_cuts_through_the_owners_function_and_the_chain_still_verifies(serving: Installation) -> None:
    for number in range(3):
        users.create(f"cut{number}@example.com", "Cut")
    before = audit.verify()
    assert before.checked
    assert retention.purge(audit_before=2**33)["audit_events"] >= 3
    users.create("after@example.com", "After")
    found = audit.verify()
    assert (found.sound, found.checked) == (True, 1)
    audit.note_verified(found)
    assert audit.resign() >= 1
    assert audit.verify().sound


def test_the_function_refuses_a_checkpoint_that_fits_no_event(serving: Installation) -> None:
    users.create("kept@example.com", "Kept")
    with serving.connect() as connection:
        (seq, hash) = connection.execute("SELECT seq, hash FROM audit_head").fetchone() or (0, "")
        for upto, expected, signed in [
            (seq, "0" * 64, b"s" * 32),
            (int(str(seq)) + 1, hash, b"s" * 32),
            (2**62, hash, b"s" * 32),
            (seq, hash, b"short"),
        ]:
            with pytest.raises(psycopg.errors.RaiseException, match="fits no event"):
                connection.execute("SELECT audit_cut(%s, %s, 0, %s)", (upto, expected, signed))
    assert audit.verify().sound


def test_nobody_else_may_call_the_function_or_enter_the_database(serving: Installation) -> None:
    with serving.connect() as connection:
        public = connection.execute(
            "SELECT has_function_privilege('public', 'audit_cut(bigint, text, bigint, bytea)', 'EXECUTE'),"
            " has_database_privilege('public', current_database(), 'CONNECT'),"
            " has_schema_privilege('public', current_schema(), 'USAGE'),"
            " has_database_privilege(current_user, current_database(), 'TEMPORARY')"
        ).fetchone()
    assert public == (False, False, False, False)


def test_an_empty_database_is_no_business_of_the_servers_role(made: Installation, tmp_path: Path) -> None:
    with made.connect(made.owner) as owner:
        owner.execute("CREATE SCHEMA empty")
        owner.execute(
            sql.SQL("GRANT USAGE ON SCHEMA empty TO {}").format(sql.Identifier(make_url(made.server).username or ""))
        )
    url = f"{made.server}{'&' if '?' in made.server else '?'}options=-c%20search_path%3Dempty"
    environ = {"AUTHSERVER_DATABASE_URL": url, "AUTHSERVER_SECRET_KEY": SECRET_KEY, "AUTHSERVER_LOG_LEVEL": "ERROR"}
    try:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Exception, match="AUTHSERVER_MIGRATE_DATABASE_URL"):
            patch.chdir(tmp_path)
            with config.using(config.load(environ)) as settings:
                install(settings)
                schema.ensure()
    finally:
        database.engine().dispose()
        with made.connect(made.owner) as owner:
            owner.execute("DROP SCHEMA empty CASCADE")


def test_migrate_says_which_role_is_missing(
    made: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    gone = re.sub(r"//[^:]+:", "//nobody_of_this_name:", made.server)
    for name, value in made.settings(AUTHSERVER_DATABASE_URL=gone).items():
        monkeypatch.setenv(name, value)
    assert cli.main(["migrate"]) == 4
    assert "CREATE ROLE" in capsys.readouterr().err


@pytest.mark.parametrize("role", ["server", "owner"])
def test_doctor_says_whether_the_role_could_rewrite_the_log(
    made: Installation, role: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = made.settings(AUTHSERVER_DATABASE_URL=getattr(made, role), AUTHSERVER_ISSUER="http://localhost:9")
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    cli.main(["doctor", "--json"])
    found = {each["check"]: each for each in json.loads(capsys.readouterr().out)}["database role"]
    assert found["state"] == ("ok" if role == "server" else "warn")


def test_a_backup_comes_back_with_the_servers_rights(
    made: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in made.settings().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{fitting_client(made)}:{os.environ['PATH']}")
    assert cli.main(["backup", "saved"]) == 0
    assert cli.main(["restore", "saved", "--yes"]) == 0
    with made.connect() as server:
        with pytest.raises(DENIED):
            server.execute("DELETE FROM audit_events")
        server.execute("SELECT count(*) FROM users")
        closed = server.execute(
            "SELECT has_function_privilege('public', 'audit_cut(bigint, text, bigint, bytea)', 'EXECUTE')"
        ).fetchone()
    assert closed == (False,)
