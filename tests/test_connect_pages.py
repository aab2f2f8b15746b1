"""docs/connect/: the pages are read as they are written, and what is filled in ends no string."""

from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from authserver import connect_pages
from authserver.connect_pages import Page
from tests.architecture import sources
from tests.interop import table

FOLDER = "docs/connect"
PAGES = connect_pages.pages()

EXAMPLE = """---
title: Example
kind: web
settings: 1
measured: with settings
tested: example 1.2
redirect: /back
---
# Example

One sentence with `code` and
[a link](https://example.test): *stressed*.

## Register

```sh
authserver client create --name "My site" \\
  --redirect-uri {{redirect_uri}}
```

## Configure

- first
  goes on
- second

```ini site.ini
issuer = {{issuer}}

secret = {{client_secret}}
```
"""


@pytest.fixture
def example() -> Page:
    return connect_pages.parse("example", EXAMPLE)


def test_a_page_is_read_in_parts(example: Page) -> None:
    assert (example.title, example.kind, example.summary, example.redirect) == ("Example", "web", "1 line", "/back")
    kinds = [part.kind for part in example.parts]
    assert kinds == ["paragraph", "heading", "code", "heading", "list", "code"]
    assert [(span.text, span.code, span.href) for span in example.parts[0].spans] == [
        ("One sentence with ", False, ""),
        ("code", True, ""),
        (" and ", False, ""),
        ("a link", False, "https://example.test"),
        (": ", False, ""),
        ("stressed", False, ""),
        (".", False, ""),
    ]
    assert [span.text for span in example.parts[0].spans if span.stressed] == ["stressed"]
    assert [item[0].text for item in example.parts[4].items] == ["first goes on", "second"]


def test_files_and_commands_are_taken_whole(example: Page) -> None:
    filled = example.filled({"issuer": "https://auth.example.test", "redirect_uri": "https://site.example.test/back"})
    assert filled.files() == {"site.ini": "issuer = https://auth.example.test\n\nsecret = YOUR_CLIENT_SECRET"}
    command = 'authserver client create --name "My site"    --redirect-uri https://site.example.test/back'
    assert filled.commands() == [command]


def test_a_section_can_be_left_out(example: Page) -> None:
    assert [part.text for part in example.without("Register").parts if part.kind == "heading"] == ["Configure"]


@pytest.mark.parametrize(
    "value", ["a'b", 'a"b', "a`id`", "$(id)", "a\\", "a b", "a\nb", "a;b", "a#b", "a<b", "{{x}}", "a|b"]
)
def test_a_value_that_could_end_a_string_stays_out(value: str) -> None:
    assert connect_pages.fill("{{redirect_uri}}", {"redirect_uri": f"https://a.test/{value}"}) == "YOUR_REDIRECT_URI"


@pytest.mark.parametrize(
    ("old", "new"),
    [("kind: web", "kind: other"), ("measured: with settings", "measured: fine"), ("tested: example 1.2\n", "")],
)
def test_a_page_with_wrong_facts_is_no_page(old: str, new: str) -> None:
    with pytest.raises(ValueError, match="example"):
        connect_pages.parse("example", EXAMPLE.replace(old, new))


# ---- the pages themselves -----------------------------------------------------------------------------------


def test_the_table_says_what_the_pages_say() -> None:
    assert table.written() == table.rows(), "python -m tests.interop.table writes it again"


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.name)
def test_a_page_is_whole(page: Page) -> None:
    text = sources.read(f"{FOLDER}/{page.name}.md")
    assert set(re.findall(r"\{\{(.*?)\}\}", text)) <= set(connect_pages.NAMES)
    assert text.count("```") == 2 * len([part for part in page.parts if part.kind == "code"])
    ran = page.measured in ("unaided", "with settings")
    assert not ran or (page.measured == "with settings") == (page.settings > 0)
    assert page.files() or page.measured == "impossible"
    assert page.redirect or page.kind not in ("web", "public")


def _shell(text: str) -> None:
    subprocess.run(["sh", "-n"], input=text, text=True, check=True, timeout=20)


READ: dict[str, Callable[[str], Any]] = {
    "python": ast.parse,
    "json": json.loads,
    "toml": tomllib.loads,
    "sh": _shell,
    "ini": lambda text: configparser.ConfigParser(interpolation=None).read_string("[top]\n" + text),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.name)
def test_every_block_can_be_read_in_its_language(page: Page) -> None:
    values = dict.fromkeys(connect_pages.NAMES, "https://a.example.test/b?c=d&e=f%20g")
    for each in (page, page.filled(values)):
        for block in each.parts:
            if block.kind == "code" and block.language in READ:
                READ[block.language](block.text)


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.name)
def test_a_page_that_says_it_ran_is_followed_by_a_test(page: Page) -> None:
    if page.measured in ("unaided", "with settings"):
        tests = "".join(sources.read(name) for name in sources.ending(".py", under="tests/interop/"))
        assert f'"{page.name}"' in tests
