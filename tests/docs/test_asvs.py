"""docs/security/asvs.md has a row for every requirement of levels 1 and 2, and names only what exists."""

from __future__ import annotations

import re
from collections import Counter

from tests.docs import pages

# What a row names as code: a file with a path, or one of the few that lie at the top.
FILE = re.compile(r"[\w.-]+(/[\w.-]+)+|pyproject\.toml|compose\.yaml|Dockerfile")
# Section of ASVS 5.0.0: the numbers of its requirements of levels 1 and 2.
SECTIONS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4,
    "3.4": 6, "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5,
    "7.5": 2, "7.6": 2, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4,
    "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3, "17.1": 1, "17.2": 4,
    "17.3": 2,
}  # fmt: skip
ROWS = pages.table("asvs.md", "no.", "level", "demand", "here", "by")


def test_every_requirement_has_one_row() -> None:
    wanted = [f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]
    # In every section the requirements of level 3 come last, so that these numbers have no gaps.
    assert [row[0] for row in ROWS] == wanted


def test_what_is_met_names_code_and_a_test_and_what_is_not_says_why() -> None:
    assert {row[3] for row in ROWS} == {"met", "not applicable", "deviation"}
    met = [row for row in ROWS if row[3] == "met"]
    assert [row[0] for row in met if not pages.tests_named(row[4])] == []
    assert [row[0] for row in met if not _code(row[4])] == []
    assert [row[0] for row in ROWS if row[3] != "met" and len(row[4]) < 4] == []


def test_every_file_of_a_row_exists() -> None:
    assert [(row[0], each) for row in ROWS for each in _code(row[4]) if not pages.exists(each)] == []


def test_a_deviation_says_more_than_that_it_is_one() -> None:
    assert [row[0] for row in ROWS if row[3] == "deviation" and len(row[4].split()) < 15] == []


def test_the_figures_of_the_page_are_counted() -> None:
    count = Counter(row[3] for row in ROWS)
    said = re.search(r"(\d+) are met, (\d+) do not apply,\s(\d+) are deviations", pages.read("asvs.md"))
    assert said and [int(each) for each in said.groups()] == [
        count["met"],
        count["not applicable"],
        count["deviation"],
    ]


def _code(text: str) -> list[str]:
    """Files and folders of the project in code spans, tests left out."""
    return [each for each in pages.spans(text) if FILE.fullmatch(each) and not each.startswith("tests/")]
