"""A copy of a whole database in one file: SQLite's own backup, or pg_dump's archive; and how it is read again."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from authserver.cli import machine
from authserver.cli.output import NotReady
from authserver.config import Settings
from authserver.errors import Conflict, NotFound

_SQLITE_HEAD = b"SQLite format 3\x00"
_PG_HEAD = b"PGDMP"
# Roles and grants are this cluster's: those of the one that was saved may not exist here.
_AS_SQL = ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--file=-"]


def save(settings: Settings, file: Path) -> None:
    """Copy the database into a new file for this user alone; consistent while serving. Raises Conflict if it exists."""
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise Conflict(f"{file} exists already.") from None
    try:
        if settings.sqlite:
            copy_sqlite(sqlite_file(settings), file)
        else:
            _dump(settings, file)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def size(settings: Settings) -> int:
    """Bytes that a copy of a SQLite file will have; 0 of PostgreSQL, whose archives are smaller than it is."""
    return sqlite_file(settings).stat().st_size if settings.sqlite else 0


@contextlib.contextmanager
def scratch(target: Path, ending: str) -> Iterator[Path]:
    """A file beside a SQLite database, for this user alone; what is left of it afterwards goes."""
    made = target.with_name(target.name + ending)
    _remove(made)
    try:
        made.touch(0o600)
        yield made
    finally:
        _remove(made)


def _remove(made: Path) -> None:
    for each in made.parent.glob(made.name + "*"):
        each.unlink()
    made.with_suffix(".lock").unlink(missing_ok=True)


def take_place(made: Path, target: Path) -> None:
    """One SQLite file instead of another, in one step."""
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(made)) as opened:
        opened.execute("PRAGMA journal_mode=DELETE")  # nothing of it is left in a second file
    made.replace(target)


def require_copy(settings: Settings, file: Path) -> None:
    """Raise NotFound if there is no such file, or Conflict if it is no copy of this kind of database."""
    if not file.is_file():
        raise NotFound(f"There is no file {file}.")
    with file.open("rb") as stream:
        head = stream.read(16)
    if not head.startswith(_SQLITE_HEAD if settings.sqlite else _PG_HEAD):
        raise Conflict(f"{file} is no backup of {'a SQLite' if settings.sqlite else 'a PostgreSQL'} database.")
    if settings.sqlite:
        _check_sqlite(file)


def sqlite_file(settings: Settings) -> Path:
    """The file of a SQLite database."""
    return Path(settings.sqlalchemy_url.removeprefix("sqlite:///"))


def copy_sqlite(source: Path, target: Path) -> None:
    """Page by page through SQLite itself, in one transaction of the target: killed, it has all of it or nothing.

    It takes the write-ahead log along, and waits for writers.
    """
    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _check_sqlite(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as copy:
        try:
            tables = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            sound = "alembic_version" in tables and copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        except sqlite3.DatabaseError:
            sound = False
    if not sound:
        raise Conflict(f"{file} is damaged, or holds something else.")


@dataclass(slots=True)
class Piece:
    """A part of an archive as SQL: statements, or with `columns` the rows of a table as COPY reads them."""

    sql: str
    table: str = ""
    columns: tuple[str, ...] = ()
    rows: Iterator[str] = field(default_factory=lambda: iter(()))


def pieces(file: Path) -> Iterator[Piece]:
    """What an archive of pg_dump's would do, in order; each piece's rows are read before the next piece.

    Raises Conflict if it ends before its end.
    """
    with tempfile.TemporaryFile("w+") as said:
        # The commands are pg_restore's own words; what it makes of an archive goes to nobody else.
        command = [program("pg_restore"), *_AS_SQL, str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as running:  # noqa: S603  # no shell
            assert running.stdout is not None  # noqa: S101  # it was asked for
            yield from _pieces(running.stdout)
        if running.returncode:
            said.seek(0)
            why = (said.read().strip().splitlines() or ["no reason given"])[-1]
            raise Conflict(f"{file} is damaged, or holds something else ({why}).")


def _pieces(lines: IO[str]) -> Iterator[Piece]:
    waiting: list[str] = []
    for line in lines:
        if line.startswith("\\"):
            continue  # \restrict and \unrestrict are for psql
        if not (line.startswith("COPY ") and line.rstrip().endswith("FROM stdin;")):
            waiting.append(line)
            continue
        if waiting:
            yield Piece("".join(waiting))
        waiting = []
        rows = _rows(lines)
        table, _, columns = line.removeprefix("COPY ").partition(" (")
        named = columns.partition(")")[0].split(", ")
        yield Piece(line, table.rpartition(".")[2], tuple(each.strip('"') for each in named), rows)
        for _row in rows:
            pass
    if waiting:
        yield Piece("".join(waiting))


def _rows(lines: IO[str]) -> Iterator[str]:
    for line in lines:
        if line == "\\.\n":
            return
        yield line


def program(name: str) -> str:
    """Where one of PostgreSQL's programs is. Raises NotReady with what installs it."""
    found = shutil.which(name)
    if found is None:
        raise NotReady(f"{name} is not installed: {machine.how_to_install('postgresql-client')}")
    return found


def _dump(settings: Settings, file: Path) -> None:
    from sqlalchemy import make_url

    url = make_url(settings.sqlalchemy_url).set(drivername="postgresql")
    # The password goes through the environment: arguments are there for every user of the machine to read.
    environment = os.environ | ({"PGPASSWORD": url.password} if url.password else {})
    # Not url.set(): there None means "as it was". SQLAlchemy leaves spaces as they are, libpq takes none.
    plain = url._replace(password=None).render_as_string(hide_password=False).replace(" ", "%20")
    command = [program("pg_dump"), f"--dbname={plain}", "--format=custom", f"--file={file}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # pg_dump, no shell
    if done.returncode:
        raise NotReady(f"pg_dump failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
