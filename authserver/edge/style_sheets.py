"""A style sheet that is written in many files for readers, made into one for browsers."""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r'@import "([^"]+)" layer\((\w+)\);')
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_BREAK = re.compile(r"\s*\n\s*")


def joined(sheet: Path) -> str:
    """The sheet with what it imports in its place, without comments and indents."""
    whole = _IMPORT.sub(lambda found: _layer(sheet.parent / found[1], found[2]), sheet.read_text("utf-8"))
    return _BREAK.sub("\n", _COMMENT.sub("", whole)).strip() + "\n"


def parts(sheet: Path) -> list[Path]:
    """The files that it imports."""
    return [sheet.parent / found[1] for found in _IMPORT.finditer(sheet.read_text("utf-8"))]


def _layer(part: Path, layer: str) -> str:
    return f"@layer {layer} {{\n{part.read_text('utf-8')}}}"
