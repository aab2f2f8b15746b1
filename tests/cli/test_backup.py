"""`authserver backup` and `restore`: what was revoked since the backup stays revoked (security.md E15)."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from authserver import cli, config, database
from authserver.cli import copies
from authserver.config import Settings
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.ground import cache, last_runs
from authserver.domain.people import names, sessions, users
from authserver.domain.record import audit
from authserver.domain.running import revisions, schema
from authserver.models import AuditEvent
from tests.conftest import KINDS, Person
from tests.domain.record.test_audit import drop_triggers


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Any:
    """Runs a command on this test's database, and reads its JSON."""
    monkeypatch.chdir(tmp_path)
    for name in ("issuer", "database_url", "secret_key", "data_dir", "log_level"):
        monkeypatch.setenv(f"AUTHSERVER_{name.upper()}", str(getattr(settings, name)))

    def run(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
        engine = database.engine()
        capsys.readouterr()
        code = cli.main([*words, "--json"])
        database.install(engine)
        engine.dispose()
        cache.reset()
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return json.loads(printed.out)

    return run


def test_a_restore_brings_data_back_and_nothing_that_was_ended(
    app: Flask, shell: Any, capsys: pytest.CaptureFixture[str], alice: Person, ada: Person, tmp_path: Path
) -> None:
    file = tmp_path / "kaie.backup"
    token, _ = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    kept = api_keys.create(alice.user, api_keys.Wish("kept", "read_only"))[1]
    row, leaked = api_keys.create(alice.user, api_keys.Wish("leaked", "read_only"))
    shell(capsys, "backup", str(file))
    assert file.stat().st_mode & 0o077 == 0

    api_keys.revoke(alice.id, row.id)
    users.create("another@example.test", "Another", role="admin")
    users.disable(ada.id)
    names.rename(alice.id, "Somebody else")
    shell(capsys, "restore", str(file), "--yes")

    found = users.find(alice.id)
    assert found is not None and found.name == "Alice Martin"
    assert found.tokens_not_before > 0
    assert sessions.resolve(token) is None
    assert api_keys.check(kept, "127.0.0.1") is not None
    assert api_keys.check(leaked, "127.0.0.1") is None
    stopped = users.find(ada.id)
    assert stopped is not None and stopped.disabled_at is not None
    assert audit.verify().sound
    assert audit.page(type="database.restored")[1] == 1


def test_a_backup_overwrites_nothing(app: Flask, shell: Any, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")
    assert cli.main(["backup", str(tmp_path / "there")]) == 1
    assert (tmp_path / "there").read_text() == "precious"


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00 but not really", b"PGDMP but not really", b"hello"])
def test_what_is_no_backup_is_refused_and_nothing_is_lost(
    app: Flask, shell: Any, alice: Person, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "file").write_bytes(content)
    engine = database.engine()
    assert cli.main(["restore", str(tmp_path / "file"), "--yes"]) != 0
    database.install(engine)
    assert users.find(alice.id) is not None


def test_a_missing_file_is_not_found(app: Flask, shell: Any, tmp_path: Path) -> None:
    assert cli.main(["restore", str(tmp_path / "nothing"), "--yes"]) == 3


def test_settings_stay_those_of_the_caller(app: Flask, settings: Settings) -> None:
    cli.main(["version"])
    assert config.current() is settings


def test_no_argument_of_a_program_holds_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" "in the environment: $PGPASSWORD" >{tmp_path}/seen\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    url = "postgresql://kaie:s%20ecret@db.example.com/kaie?sslmode=verify-full"
    copies.save(Settings(database_url=url), tmp_path / "copy")
    *arguments, environment = (tmp_path / "seen").read_text().splitlines()
    assert environment == "in the environment: s ecret"
    assert "--dbname=postgresql://kaie@db.example.com/kaie?sslmode=verify-full" in arguments
    assert "ecret" not in "".join(arguments)


def test_a_backup_is_noted_and_so_is_one_by_other_means(
    app: Flask, shell: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert last_runs.known()["backup"] == 0
    assert shell(capsys, "backup", str(tmp_path / "kaie.backup"))["noted"] is True
    assert not last_runs.is_overdue("backup", last_runs.known()["backup"])
    with database.transaction() as session:
        session.execute(text("UPDATE last_runs SET ended_at = 0"))
    assert shell(capsys, "backup", "--made") == {"file": None, "bytes": 0, "noted": True}
    assert not last_runs.is_overdue("backup", last_runs.known()["backup"])


@pytest.mark.parametrize("words", [("backup",), ("backup", "kaie.backup", "--made")])
def test_a_backup_has_a_file_or_was_made_by_other_means(capsys: pytest.CaptureFixture[str], words: tuple[str]) -> None:
    assert cli.main([*words]) == 2
    assert "--made" in capsys.readouterr().err


def test_a_database_that_cannot_be_told_is_saved_all_the_same(
    app: Flask, shell: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with database.transaction() as session:
        session.execute(text("ALTER TABLE last_runs RENAME TO last_walks"))
    try:
        assert shell(capsys, "backup", str(tmp_path / "kaie.backup"))["noted"] is False
    finally:
        with database.transaction() as session:
            session.execute(text("ALTER TABLE last_walks RENAME TO last_runs"))
    assert (tmp_path / "kaie.backup").stat().st_size > 1000


def planned(shell: Any, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    """Exit code of a look at a backup, and each check's outcome."""
    capsys.readouterr()
    engine = database.engine()
    code = cli.main([*words, "--json"])
    database.install(engine)
    engine.dispose()
    cache.reset()
    out = capsys.readouterr().out
    rows = json.loads(out) if out else []
    return code, {row["check"]: (row["ok"], row["detail"]) for row in rows}


@pytest.fixture
def backup(app: Flask, shell: Any, capsys: pytest.CaptureFixture[str], alice: Person, tmp_path: Path) -> Path:
    """A backup of this test's database, with Alice in it."""
    shell(capsys, "backup", str(tmp_path / "kaie.backup"))
    return tmp_path / "kaie.backup"


def test_a_plan_looks_at_version_and_key_and_changes_nothing(
    shell: Any, capsys: pytest.CaptureFixture[str], backup: Path, alice: Person
) -> None:
    names.rename(alice.id, "Somebody else")
    code, found = planned(shell, capsys, "restore", str(backup), "--plan")
    assert code == 0
    assert found["version"][0] and found["key"][0] and "this version" in found["version"][1]
    assert users.get(alice.id).name == "Somebody else"
    assert sorted(backup.parent.glob("*.restoring*")) == []


def test_a_backup_is_verified_when_it_is_made_and_later(
    app: Flask, shell: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for _ in range(2):
        code, found = planned(shell, capsys, "backup", str(tmp_path / "new.backup"), "--verify")
        assert code == 0 and found["key"][0]


def test_a_backup_sealed_with_another_key_is_refused_and_nothing_is_lost(
    shell: Any, capsys: pytest.CaptureFixture[str], backup: Path, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.rename(alice.id, "Somebody else")
    monkeypatch.setenv("AUTHSERVER_SECRET_KEY", "another secret key of more than thirty-two characters")
    assert planned(shell, capsys, "backup", str(backup), "--verify")[0] == 1
    code, found = planned(shell, capsys, "restore", str(backup), "--plan")
    assert code == 1 and not found["key"][0] and "cannot be opened" in found["key"][1]
    assert planned(shell, capsys, "restore", str(backup), "--yes")[0] != 0
    assert users.get(alice.id).name == "Somebody else"


def test_a_backup_of_a_newer_version_is_refused_and_nothing_is_lost(
    app: Flask, shell: Any, capsys: pytest.CaptureFixture[str], alice: Person, tmp_path: Path
) -> None:
    newest = revisions.newest()
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    copies.save(config.current(), tmp_path / "newer")
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :newest"), {"newest": newest})
    code, found = planned(shell, capsys, "restore", str(tmp_path / "newer"), "--plan")
    assert code == 1 and "9999" in found["version"][1]
    assert planned(shell, capsys, "restore", str(tmp_path / "newer"), "--yes")[0] == 1
    assert schema.status().state == "current" and users.find(alice.id) is not None


def test_a_backup_that_was_cut_short_is_refused_and_nothing_is_lost(
    shell: Any, capsys: pytest.CaptureFixture[str], backup: Path, alice: Person
) -> None:
    names.rename(alice.id, "Somebody else")
    whole = backup.read_bytes()
    backup.write_bytes(whole[: len(whole) * 9 // 10])
    assert planned(shell, capsys, "restore", str(backup), "--yes")[0] == 1
    assert users.get(alice.id).name == "Somebody else"


def test_a_backup_whose_audit_log_was_changed_is_refused(
    app: Flask, shell: Any, capsys: pytest.CaptureFixture[str], alice: Person, tmp_path: Path
) -> None:
    users.create("another@example.test", "Another", role="admin")
    drop_triggers()
    with database.transaction() as session:
        newest = session.scalar(select(func.max(AuditEvent.seq)))
        session.execute(update(AuditEvent).where(AuditEvent.seq == newest).values(actor="nobody"))
    copies.save(config.current(), tmp_path / "changed")
    assert planned(shell, capsys, "restore", str(tmp_path / "changed"), "--yes")[0] == 1


def test_tokens_are_kept_where_that_is_wanted_and_what_ended_stays_ended(
    app: Flask, shell: Any, capsys: pytest.CaptureFixture[str], alice: Person, tmp_path: Path
) -> None:
    kept, ended = (sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")[0] for _ in range(2))
    shell(capsys, "backup", str(tmp_path / "kaie.backup"))
    found = sessions.resolve(ended)
    assert found is not None
    sessions.end(alice.id, found.session.id)
    shell(capsys, "restore", str(tmp_path / "kaie.backup"), "--yes", "--keep-tokens")
    assert sessions.resolve(kept) is not None
    assert sessions.resolve(ended) is None


@pytest.mark.parametrize("emptied_database", {"sqlite"}.intersection(KINDS), indirect=True)
def test_what_is_there_and_damaged_is_replaced(
    app: Flask, settings: Settings, shell: Any, capsys: pytest.CaptureFixture[str], backup: Path, alice: Person
) -> None:
    database.engine().dispose()
    copies.sqlite_file(settings).write_bytes(b"no database at all, but long enough to be looked at as one" * 100)
    shell(capsys, "restore", str(backup), "--yes")
    with contextlib.closing(sqlite3.connect(copies.sqlite_file(settings))) as found:
        assert found.execute("SELECT count(*) FROM users WHERE id = ?", (alice.id,)).fetchone() == (1,)
