"""`authserver backup` and `restore`: what was revoked since the backup stays revoked (security.md E15)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from authserver import cli, config, database
from authserver.cli import copies
from authserver.config import Settings
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.ground import cache, last_runs
from authserver.domain.people import names, sessions, users
from authserver.domain.record import audit
from tests.conftest import Person


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
