"""`authserver apply FILE`: clients, scopes, resources and route tables as a file says (contract.md section 3)."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from authserver.cli import output
from authserver.errors import Invalid

if TYPE_CHECKING:
    from authserver.domain.running.declaration import Change

SIGNS = {"create": "+", "update": "~"}


@click.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--plan", is_flag=True, help="Only say what would change.")
def command(file: Path, plan: bool) -> None:
    """Make clients, scopes, resources and route tables as FILE (TOML or JSON) declares them; the rest stays.

    A second run changes nothing. Secrets of new clients are printed once.
    """
    from authserver.domain.running import declaration

    document = _read(file)
    changes = declaration.plan(document) if plan else declaration.apply(document)
    told = [change.told() for change in changes]
    output.emit({"applied": not plan, "changes": told}, "\n".join(map(_diff, changes)) or "Nothing to change.")
    if changes:
        output.note(f"{len(changes)} changes {'would be made' if plan else 'made'}.")


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(
            f"{file.name} is not readable as {'JSON' if file.suffix == '.json' else 'TOML'}: {error}"
        ) from None
    if not isinstance(document, dict):
        raise Invalid(f"{file.name} holds no table.")
    return document


def _diff(change: Change) -> str:
    lines = [f"{SIGNS[change.action]} {change.section.removesuffix('s').replace('_', ' ')} {change.name}"]
    lines += [f"    {name}: {_short(now)} -> {_short(then)}" for name, (now, then) in change.differences.items()]
    lines += [f"    {sentence}" for sentence in change.notes]
    if change.secret:
        lines.append(f"    client_secret={change.secret}")
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "…"
