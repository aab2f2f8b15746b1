"""`authserver apply FILE`: clients, scopes, resources and route tables as a file says (contract.md section 3)."""

from __future__ import annotations

from pathlib import Path

import click

from authserver.cli import declared
from authserver.errors import Invalid


@click.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--plan", is_flag=True, help="Only say what would change.")
def command(file: Path, plan: bool) -> None:
    """Make clients, scopes, resources and route tables as FILE (TOML or JSON) declares them; the rest stays.

    A second run changes nothing. Secrets of new clients are printed once.
    """
    document = declared.read(file)
    if not isinstance(document, dict):
        raise Invalid(f"{file.name} holds no table.")
    declared.carry_out(document, plan=plan)
