"""What pages show of hosts, addresses and ids ends no line at a hyphen: each goes through the filter for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from authserver.assets import assets

TEMPLATES = sorted(
    path
    for path in (assets() / "templates").rglob("*.html")
    if path.parts[-2] not in {"api", "quickstart"}  # code, which is shown as it is written
)
NAMES = {"host", "homepage", "identifier", "kid", "uri", "url", "target", "email", "username"}
WHOLE = re.compile(
    r"(?:\w+\.)*(?:\w+_(?:host|uri|url|email)|client_id)|(?:client|app|token|hook)\.id|destination\.text"
)
_TOKEN = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{(?P<said>.*?)\}\}|(?P<open><[a-zA-Z/!])|(?P<close>>)", re.DOTALL)


def shown(template: str) -> Iterator[str]:
    """The expressions that stand in a template as text, and not inside of a tag."""
    in_tag, silent = False, False
    for token in _TOKEN.finditer(template):
        if token["open"]:
            in_tag = True
            silent = template.startswith("title", token.end() - 1) or template.startswith("<textarea", token.start())
        elif token["close"]:
            in_tag = False
        elif "block title" in token[0]:
            silent = True
        elif "endblock" in token[0]:
            silent = False
        elif token["said"] and not in_tag and not silent:
            yield token["said"].strip(" -")


def lacks(said: str) -> bool:
    """Whether it is a host, an address or an id without the filter."""
    if said.endswith("|unbroken"):
        return False
    name = re.split(r"\s(?:or|if)\s", said.strip("()"), maxsplit=1)[0].strip()
    if not re.fullmatch(r"[\w.]+", name):
        return False
    return name.rpartition(".")[2] in NAMES or WHOLE.fullmatch(name) is not None


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: "/".join(path.parts[-3:]))
def test_hosts_addresses_and_ids_are_kept_whole(path: Path) -> None:
    assert [each for each in shown(path.read_text()) if lacks(each)] == []


def test_no_sign_follows_one_that_may_stand_in_a_line_of_its_own() -> None:
    """A line may end behind what is kept whole, and a full stop then begins the next."""
    follows = re.compile(r"(?:host|email|url|uri)\w*\)?\|unbroken ?\}\}(?:</\w+>)*[.,:;!?]")
    assert [path.name for path in TEMPLATES if follows.search(path.read_text())] == []


def test_the_look_finds_what_it_is_for() -> None:
    page = (
        '{% block title %}{{ x.url }}{% endblock %}{{ a.id }}<a href="{{ x.url }}">{{ x.url }}</a>'
        '<b>{{ host or "none" }}</b>{{ host|unbroken }}{{ client.id }}'
    )
    assert [each for each in shown(page) if lacks(each)] == ["x.url", 'host or "none"', "client.id"]
