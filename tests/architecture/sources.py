"""What the rules are checked against: the files of the project and the syntax trees of its modules."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "authserver"


@functools.cache
def files() -> tuple[str, ...]:
    """Paths of the project's files, tracked or new, relative to its root."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(name for name in set(listed.split("\0")) if name and (ROOT / name).is_file()))


@functools.cache
def read(name: str) -> str:
    """The text of a file; pictures and other bytes are read as if they were text."""
    return (ROOT / name).read_text("utf-8", errors="replace")


def lines_with(pattern: str, names: list[str] | tuple[str, ...], *, but: tuple[str, ...] = ()) -> list[str]:
    """`file:line: text` for every line that matches; `but` names files that may."""
    found = re.compile(pattern, re.IGNORECASE)
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in names
        if name not in but
        for number, line in enumerate(read(name).splitlines(), 1)
        if found.search(line)
    ]


def ending(*suffixes: str, under: str = "") -> list[str]:
    """The files below a folder whose names end so."""
    return [name for name in files() if name.startswith(under) and name.endswith(suffixes)]


def modules() -> list[str]:
    """The modules of the package."""
    return ending(".py", under="authserver/")


@functools.cache
def tree(name: str) -> ast.Module:
    """The syntax tree of a module.

    Parsed in a thread of its own: CPython 3.11 counts its recursion wrongly where greenlets ran before (Playwright's).
    """
    with ThreadPoolExecutor(1) as fresh:
        return fresh.submit(ast.parse, read(name), name).result()


def imports(name: str) -> set[str]:
    """Dotted names that a module imports, `from a import b` counted as `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def dotted(node: ast.expr) -> str:
    """`a.b.c` for an expression of that form, else an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (start := dotted(node.value)):
        return f"{start}.{node.attr}"
    return ""
