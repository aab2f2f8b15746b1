"""`authserver copy`: the whole installation into another database, from SQLite to PostgreSQL above all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from authserver.cli import copying, opening, output, progress

if TYPE_CHECKING:
    from authserver.domain.running.table_copies import Told


@click.command()
@click.option(
    "--to", "url", required=True, metavar="URL", help="An empty database, opened by who may make tables in it."
)
def command(url: str) -> None:
    """Copy every row into an empty database, and compare them. Who signs in, every token and id stay as they are.

    Stop `serve` and `worker` first: while this goes on nobody can write, and what is written afterwards is not there.
    """
    source = opening.settings()
    done = copying.copy(source, opening.settings(database_url=url, migrate_database_url=""), _progress)
    rows = sum(done.values())
    output.emit({"tables": done, "rows": rows}, f"Copied {rows} rows of {len(done)} tables; each is the same there.")
    output.note("Set AUTHSERVER_DATABASE_URL to it, then start `serve` and `worker`. The old one is as it was.")


@contextlib.contextmanager
def _progress(rows: int) -> Iterator[Told]:
    """A bar for whoever looks on; silent elsewhere."""
    with progress.counted(rows, "Copying") as told:
        yield lambda _table, count: told(count)
