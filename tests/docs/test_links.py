"""No page of docs/security leads nowhere, and every page is found from the index."""

from __future__ import annotations

import re

import pytest

from tests.architecture import sources
from tests.docs import pages

# A code span that starts like this is a path of the project.
PATH = re.compile(r"(authserver|tests|docs|deploy|templates|static|migrations|requirements|examples|\.ci)/[\w./*-]+")


@pytest.mark.parametrize("page", pages.names())
def test_every_link_leads_to_a_file(page: str) -> None:
    assert [each for each in pages.targets(page) if not pages.exists(each, pages.FOLDER)] == []


@pytest.mark.parametrize("page", pages.names())
def test_every_file_that_is_named_exists(page: str) -> None:
    named = [each for each in pages.spans(pages.read(page)) if PATH.fullmatch(each)]
    assert [each for each in named if not pages.exists(each)] == []


@pytest.mark.parametrize("page", pages.names())
def test_every_test_that_is_named_exists(page: str) -> None:
    assert [each for each in pages.tests_named(pages.read(page)) if not pages.has_test(each)] == []


def test_the_index_leads_to_every_page() -> None:
    assert set(pages.names()) - {"README.md"} <= set(pages.targets("README.md"))


@pytest.mark.parametrize("file", ["README.md", "SECURITY.md"])
def test_who_starts_at_the_top_finds_the_index(file: str) -> None:
    assert "(docs/security/README.md)" in sources.read(file)
