"""`authserver backup`: the database in one file."""

from __future__ import annotations

from pathlib import Path

import click

from authserver.cli import copies, opening, output, progress, restore, restoring
from authserver.config import Settings
from authserver.errors import DomainError


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--made", is_flag=True, help="Make none, but tell the server that one was made just now by other means.")
@click.option("--verify", is_flag=True, help="Look at FILE, once it is there: could it be restored here?")
def command(file: Path | None, made: bool, verify: bool) -> None:
    """Copy the database into FILE, also while serving. The key that opens its secrets is not in it.

    With --verify a FILE that is there is only looked at, and one that is not is made first.
    """
    if (file is None) is not made or (made and verify):
        raise click.UsageError("Either FILE, or --made for a backup that something else has made.")
    settings = opening.settings()
    new = not (verify and file and file.exists())
    if new and file is not None:
        with opening.opened(settings), progress.growing(file, "Saving", expected=copies.size(settings)):
            copies.save(settings, file)
    if verify and file:
        restore.tell(restoring.plan(settings, file))
    if new:
        _note(settings, file, quiet=verify)


def _note(settings: Settings, file: Path | None, *, quiet: bool) -> None:
    """Once it is good: what is not would keep others from making one."""
    with opening.opened(settings):
        told = _tell()
    size = file.stat().st_size if file else 0
    said = f"{file}: {size // 1024 or 1} kB" if file else "Noted: a backup was made just now."
    if not quiet:
        output.emit({"file": str(file) if file else None, "bytes": size, "noted": told}, said if told or file else "")
    if file is None and not told:
        raise click.exceptions.Exit(output.ERROR)


def _tell() -> bool:
    """Note it for the figures, the doctor and the checklist. A standby that was saved cannot be told, and is saved."""
    from sqlalchemy.exc import SQLAlchemyError

    from authserver.domain.ground import last_runs

    try:
        last_runs.note(last_runs.BACKUP)
    except (SQLAlchemyError, DomainError):
        output.note("The database cannot be written, so that nothing will tell of this backup.")
        return False
    return True
