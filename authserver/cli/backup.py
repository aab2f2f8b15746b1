"""`authserver backup`: the database in one file."""

from __future__ import annotations

from pathlib import Path

import click

from authserver.cli import copies, opening, output


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(file: Path) -> None:
    """Copy the database into FILE, also while serving. The key that opens its secrets is not in it."""
    settings = opening.settings()
    with opening.opened(settings):
        copies.save(settings, file)
    size = file.stat().st_size
    output.emit({"file": str(file), "bytes": size}, f"{file}: {size // 1024 or 1} kB")
