"""The picture of the data flow is the one that its source draws."""

from __future__ import annotations

import html
import re

from tests.architecture import sources
from tests.docs import pages
from tests.docs.test_credentials import made_by_the_script

SOURCE, PICTURE = "docs/security/data-flow.dot", "docs/security/data-flow.svg"


def test_the_picture_was_drawn_from_the_source_of_now() -> None:
    assert made_by_the_script("mark()") in sources.read(PICTURE), "run .venv/bin/python docs/security/generate.py"


def test_everything_that_the_source_names_is_in_the_picture() -> None:
    shown = html.unescape(" ".join(re.findall(r">([^<>]+)</text>", sources.read(PICTURE)))).replace("\xa0", " ")
    labels = re.findall(r'label="([^"]+)"', sources.read(SOURCE))
    assert len(labels) > 25
    assert [
        each
        for each in labels
        if not all(" ".join(part.split()) in " ".join(shown.split()) for part in each.split("\\n"))
    ] == []


def test_the_threat_model_shows_it_and_says_what_is_on_it() -> None:
    assert re.search(r"!\[.{60,}\]\(data-flow\.svg\)", pages.read("threat-model.md"))
