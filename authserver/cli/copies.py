"""Copying a whole database: SQLite's own backup, or pg_dump and pg_restore."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from authserver.cli import machine
from authserver.cli.output import NotReady
from authserver.config import Settings
from authserver.errors import Conflict, NotFound

_SQLITE_HEAD = b"SQLite format 3\x00"
_PG_HEAD = b"PGDMP"
# Roles and grants are this cluster's: those of the one that was saved may not exist here.
_RESTORE = ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction"]


def save(settings: Settings, file: Path) -> None:
    """Copy the database into a new file for this user alone; consistent while serving. Raises Conflict if it exists."""
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise Conflict(f"{file} exists already.") from None
    try:
        if settings.sqlite:
            _copy_sqlite(_sqlite_file(settings), file)
        else:
            _run("pg_dump", ["--format=custom", f"--file={file}"], settings)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def bring_back(settings: Settings, file: Path) -> None:
    """Replace the database by a copy. Raises NotFound, or Conflict if the file is no copy of this kind of database."""
    if not file.is_file():
        raise NotFound(f"There is no file {file}.")
    with file.open("rb") as stream:
        head = stream.read(16)
    if not head.startswith(_SQLITE_HEAD if settings.sqlite else _PG_HEAD):
        raise Conflict(f"{file} is no backup of {'a SQLite' if settings.sqlite else 'a PostgreSQL'} database.")
    if settings.sqlite:
        _check_sqlite(file)
        _copy_sqlite(file, _sqlite_file(settings))
    else:
        _run("pg_restore", [*_RESTORE, str(file)], settings)


def _sqlite_file(settings: Settings) -> Path:
    return Path(settings.sqlalchemy_url.removeprefix("sqlite:///"))


def _copy_sqlite(source: Path, target: Path) -> None:
    """Page by page through SQLite itself, which takes the write-ahead log along and waits for writers."""
    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _check_sqlite(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as copy:
        tables = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "alembic_version" not in tables or copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise Conflict(f"{file} is damaged, or holds something else.")


def _run(program: str, arguments: list[str], settings: Settings) -> None:
    if shutil.which(program) is None:
        raise NotReady(f"{program} is not installed: {machine.how_to_install('postgresql-client')}")
    from sqlalchemy import make_url

    url = make_url(settings.sqlalchemy_url).set(drivername="postgresql")
    # The password goes through the environment: arguments are there for every user of the machine to read.
    environment = os.environ | ({"PGPASSWORD": url.password} if url.password else {})
    # Not url.set(): there None means "as it was". SQLAlchemy leaves spaces as they are, libpq takes none.
    plain = url._replace(password=None).render_as_string(hide_password=False).replace(" ", "%20")
    command = [program, f"--dbname={plain}", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # pg_dump or pg_restore, no shell
    if done.returncode:
        raise NotReady(f"{program} failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
