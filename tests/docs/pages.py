"""The pages of docs/security as data: their tables, and what stands in code spans and links."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

from tests.architecture import sources

FOLDER = sources.ROOT / "docs" / "security"
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")


def names() -> list[str]:
    """The pages, by file name."""
    return sorted(path.name for path in FOLDER.glob("*.md"))


def read(page: str) -> str:
    """The text of a page."""
    return (FOLDER / page).read_text(encoding="utf-8")


def table(page: str, *columns: str) -> list[list[str]]:
    """The rows of every table of the page with exactly these columns, cell by cell. Raises AssertionError for none."""
    found, inside = [], False
    for line in read(page).splitlines():
        cells = _cells(line)
        if cells == list(columns):
            inside = True
        elif not cells:
            inside = False
        elif inside and set("".join(cells)) - set("-: "):
            found.append(cells)
    assert found, f"{page} has no table with the columns {' | '.join(columns)}"
    assert all(len(row) == len(columns) for row in found), [row for row in found if len(row) != len(columns)]
    return found


def spans(text: str) -> list[str]:
    """What stands in backticks."""
    return _SPAN.findall(text)


def targets(page: str) -> list[str]:
    """What links and pictures of a page lead to, without the anchor; addresses of other places left out."""
    found = [each.partition("#")[0] for each in _LINK.findall(read(page)) + _PICTURE.findall(read(page))]
    return [each for each in found if each and "://" not in each and not each.startswith("mailto:")]


def tests_named(text: str) -> list[str]:
    """The tests in code spans, as pytest takes them: `tests/…/test_x.py::test_y`, with `TestZ::` for one of a class."""
    return [each for each in spans(text) if "::" in each and each.startswith("tests/")]


def has_test(name: str) -> bool:
    """Whether there is a test function of this name, in its module or in the class that is named."""
    path, _, function = name.partition("::")
    return (sources.ROOT / path).is_file() and function in _functions(path)


@functools.cache
def _functions(path: str) -> frozenset[str]:
    found = set(_tests(sources.tree(path).body))
    for each in sources.tree(path).body:
        if isinstance(each, ast.ClassDef):
            found |= {f"{each.name}::{name}" for name in _tests(each.body)}
    return frozenset(found)


def _tests(body: list[ast.stmt]) -> list[str]:
    return [node.name for node in body if isinstance(node, ast.FunctionDef)]


def exists(path: str, below: Path = sources.ROOT) -> bool:
    """Whether there is a file or folder of this name; `*` stands for any part of a name."""
    return any(below.glob(path)) if "*" in path else (below / path).exists()


def _cells(line: str) -> list[str]:
    line = line.strip()
    if not line.startswith("|"):
        return []
    inner = re.split(r"(?<!\\)\|", line.removeprefix("|").removesuffix("|"))
    return [cell.strip().replace("\\|", "|") for cell in inner]
