"""A fresh, migrated database per test, copied from a template that was migrated once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event

from authserver import config, database, hot_statements, install
from authserver.config import Settings
from authserver.lib import password_hash
from tests.services import locks, postgres
from tests.support import at_end

SECRET_KEY = "a secret key for tests alone, long enough"
ISSUER = "http://localhost:8000"


def build(url: str) -> None:
    """Create the schema, the seeds and the signing keys in an empty database."""
    from authserver.domain.running import schema

    with config.using(Settings(database_url=url, secret_key=SECRET_KEY, issuer=ISSUER, log_level="ERROR")) as settings:
        install(settings)
        schema.ensure()
        database.engine().dispose()


@contextmanager
def fresh(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a new migrated database: `sqlite` or `postgresql`."""
    if kind == "sqlite":
        path = folder / "test.sqlite3"
        shutil.copy(sqlite_template(), path)
        yield f"sqlite:///{path}"
        return
    url = postgres.create_database(template=postgres.template("migrated", build))
    try:
        yield url
    finally:
        postgres.drop_database(url)


def cheap_hashing() -> None:
    """Argon2 at its smallest: tests are about rules, not about the cost of guessing."""
    password_hash.configure(slots=4, memory_kib=64, time_cost=1)


_templates: list[Path] = []


def sqlite_template() -> Path:
    if not _templates:
        folder = at_end.folder("authserver-template-")
        with locks.alone(folder / "lock"):
            build(f"sqlite:///{folder / 'template.sqlite3'}")
        _templates.append(folder / "template.sqlite3")
    return _templates[0]


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """The SQL statements that the process sends in the block; BEGIN, COMMIT and the version poll left out."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if (
            "cache_versions" not in statement
            and "cache_changes" not in statement
            and not statement.startswith(("BEGIN", "PRAGMA"))
        ):
            sent.append(statement)

    engine = database.engine()
    event.listen(engine, "before_cursor_execute", note)
    hot_statements.observers.append(sent.append)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)
        hot_statements.observers.remove(sent.append)
