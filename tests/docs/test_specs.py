"""docs/specs.md: what it names exists, and every specification that a docstring names stands in it."""

from __future__ import annotations

import ast
import re

from tests.architecture import sources
from tests.docs import pages

TEXT = sources.read("docs/specs.md")
ROWS = pages.table("../specs.md", "section", "status", "here", "by")
NAMED = re.compile(
    r"RFC \d{4}|OpenID Connect (?:Core|Discovery|Registration|[\w-]+-Channel Logout|RP-Initiated Logout)"
)


def test_every_status_is_one_of_three() -> None:
    assert {row[1] for row in ROWS} == {"supported", "not applicable", "deviation"}


def test_what_is_supported_names_code_and_a_test() -> None:
    supported = [row for row in ROWS if row[1] == "supported"]
    assert [row for row in supported if not pages.tests_named(row[3])] == []
    assert [row for row in supported if not _code(row[3])] == []


def test_what_is_not_says_why() -> None:
    assert [row for row in ROWS if row[1] == "deviation" and len(row[2].split()) < 12] == []
    assert [row for row in ROWS if row[1] == "not applicable" and len(row[2].split()) < 4] == []


def test_every_file_and_test_of_a_row_exists() -> None:
    assert [each for row in ROWS for each in _code(row[3]) if not pages.exists(each)] == []
    assert [each for row in ROWS for each in pages.tests_named(row[3]) if not pages.has_test(each)] == []


def test_every_specification_that_a_docstring_names_stands_there() -> None:
    named = {each for name in sources.ending(".py", under="authserver/") for each in NAMED.findall(_docstrings(name))}
    assert sorted(each for each in named if each not in TEXT) == []


def _docstrings(name: str) -> str:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return "\n".join(ast.get_docstring(node) or "" for node in ast.walk(sources.tree(name)) if isinstance(node, kinds))


def _code(text: str) -> list[str]:
    return [each for each in pages.spans(text) if each.startswith("authserver/")]
