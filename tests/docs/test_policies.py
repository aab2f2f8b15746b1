"""docs/security/policies.md: every figure is that of the setting or constant beside it."""

from __future__ import annotations

import ast
import importlib
from typing import Any

import pytest

from authserver import config
from authserver.config.settings import FIELDS, Settings
from authserver.domain.ground import one_time_links
from authserver.domain.people.credentials import passwords
from authserver.lib import durations
from tests.architecture import sources
from tests.docs import pages

HEADINGS = ("rule", "budget, in one window", "limit")
FIGURES = [
    (row[1], pages.spans(row[2])[0])
    for heading in HEADINGS
    for row in pages.table("policies.md", heading, "figure", "from")
]


def value_of(name: str) -> Any:
    """What a setting has when nobody sets it, or a module's constant."""
    if name.startswith("AUTHSERVER_"):
        return getattr(Settings(), name.removeprefix("AUTHSERVER_").lower())
    module, _, constant = name.rpartition(".")
    return getattr(importlib.import_module(module), constant)


def is_time(name: str) -> bool:
    return name.endswith(("_SECONDS", "_TTL", "LIFETIME"))


@pytest.mark.parametrize(("said", "name"), FIGURES, ids=[name.rpartition(".")[2] for _, name in FIGURES])
def test_the_figure_is_that_of_the_code(said: str, name: str) -> None:
    value = value_of(name)
    assert said == (durations.in_words(value) if is_time(name) else str(value))


def test_every_limit_that_is_a_setting_is_listed() -> None:
    limits = {name for name in FIELDS if name.startswith(("rate_limit", "session_")) or "_per_" in name}
    assert {f"AUTHSERVER_{name.upper()}" for name in limits} <= {name for _, name in FIGURES}


@pytest.mark.parametrize("word", ["Lighthouse", "harbour", "augusta.king", "Byron"])
def test_the_words_that_count_for_nothing_are_those_of_the_code(word: str) -> None:
    """The brand, the issuer's host, the person's address and name, as the page lists them."""
    said = "that count for nothing: the brand, the issuer's host, the person's address and name"
    assert said in pages.read("policies.md")
    with config.using(Settings(brand="Lighthouse", issuer="https://harbour.example")):
        asked = {"email": "augusta.king@example.test", "name": "Byron"}
        assert passwords.problems(f"{word}{word}17", **asked).startswith("This password is mostly")
        assert not passwords.problems("seven green lanterns drift", **asked)


def test_every_way_in_is_listed_with_its_method() -> None:
    """The methods that sessions are opened with, found where pages say so."""
    calls = {"current_user.begin", "_sign_in"}
    found = {
        call.args[-1].value
        for name in sources.modules()
        for call in ast.walk(sources.tree(name))
        if isinstance(call, ast.Call) and sources.dotted(call.func) in calls and isinstance(call.args[-1], ast.Constant)
    }
    rows = pages.table("policies.md", "way", "strength", "session says (`amr`)")
    assert found == {span for row in rows for span in pages.spans(row[2])}


def test_links_live_as_long_as_the_pages_say() -> None:
    rows = pages.table("policies.md", "a link of mail, once", "lives", "does")
    lives = {purpose: durations.in_words(seconds) for purpose, (seconds, _) in one_time_links.PURPOSES.items()}
    assert {pages.spans(row[0])[0]: row[1] for row in rows} == lives
    assert (lives["reset"], lives["welcome"]) == ("30 min", "1 d")
    assert "links of mail live 30 minutes (reset) and a day (welcome)" in pages.read("asvs.md")


@pytest.mark.parametrize("heading", ["rule", "guard"])
def test_every_file_of_the_tables_exists(heading: str) -> None:
    for row in pages.table("policies.md", "what", heading, "in"):
        named = [span for span in pages.spans(row[2]) if "/" in span]
        assert named and all(pages.exists(span) for span in named), row


def test_what_input_may_be_is_said_with_its_figures() -> None:
    """Each kind of input has a row; the figures themselves are compared in `test_figures`."""
    rows = {row[0]: row[1] for row in pages.table("policies.md", "what", "rule", "in")}
    kinds = ("protocol parameter", "redirect URI", "URL that we call", "e-mail", "JWT", "JSON", "form", "setting")
    assert [kind for kind in kinds if not any(kind in name for name in rows)] == []
    assert [name for name, rule in rows.items() if len(rule) < 15] == []


def test_what_is_costly_is_guarded_as_the_page_says() -> None:
    from tests.docs.test_figures import SENTENCES

    figures = [sentence.strip("| ") for page, sentence in SENTENCES if page == "policies.md"]
    rows = {row[0]: row[1] for row in pages.table("policies.md", "what", "guard", "in")}
    assert len(rows) > 6
    plain = {"slow kinds of work"}
    assert [name for name, guard in rows.items() if name not in plain and not any(f in guard for f in figures)] == []
