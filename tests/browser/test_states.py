"""Which screens the core leaves to `make screens`: other states of what it looks at itself, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import NotFound

from tests.browser.screens import EVERY, Screen

ASKING = dict.fromkeys(
    ("authorize", "authorize_bare", "authorize_native", "authorize_forum", "authorize_bad"), "/oauth/authorize?"
)
ADDRESSES = ASKING | {"welcome": "/welcome/x", "reset": "/password/reset/x"}  # of the stage; anything else is an id


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"demo": True, "signup": "on", "playground": "on"}


def view(app: Flask, screen: Screen) -> str:
    """What answers at the path of this screen."""
    asked = screen.path.partition("?")[0]
    path = asked.format_map(defaultdict(lambda: "x", ADDRESSES)).partition("?")[0]
    try:
        return str(app.url_map.bind("localhost").match(path)[0])
    except NotFound:
        return "nothing"


def test_a_screen_of_the_long_set_is_another_state_of_one_in_the_core(app: Flask) -> None:
    named = {each.name: each for each in EVERY}
    assert len(named) == len(EVERY), "two screens have one name"
    states = [(each, named[each.state_of]) for each in EVERY if each.state_of]
    assert [each.name for each, first in states if first.state_of or view(app, each) != view(app, first)] == []


def test_every_view_that_a_screen_shows_is_looked_at_in_the_core(app: Flask) -> None:
    seen = {view(app, each) for each in EVERY}
    assert len(seen) > 80
    assert seen - {view(app, each) for each in EVERY if not each.state_of} == set()
