"""Declarations in files, and what became of them: for `apply` and `client import`."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authserver.cli import output
from authserver.errors import Invalid

if TYPE_CHECKING:
    from authserver.domain.running.declaration import Change

SIGNS = {"create": "+", "update": "~"}


def read(file: Path) -> Any:
    """What a file holds: JSON by its ending or on stdin (`-`), else TOML. Raises Invalid."""
    is_json = file.suffix == ".json" or str(file) == "-"
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        return json.loads(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{file.name} is not readable as {'JSON' if is_json else 'TOML'}: {error}") from None


def carry_out(document: dict[str, Any], *, plan: bool) -> None:
    """Do what a declaration says, or only say it; tells each change and, once, the secrets that were made."""
    from authserver.domain.running import declaration

    changes = declaration.plan(document) if plan else declaration.apply(document)
    told = [change.told() for change in changes]
    output.emit({"applied": not plan, "changes": told}, "\n".join(map(_diff, changes)) or "Nothing to change.")
    if changes:
        output.note(f"{len(changes)} changes {'would be made' if plan else 'made'}.")


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
