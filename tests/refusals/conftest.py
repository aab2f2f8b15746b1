"""The world of the tables: Alice owns the apps, and reads why their requests were refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Person
from tests.refusals.world import World
from tests.support import authorizing


@pytest.fixture
def world(app: Flask, browser: Callable[[], FlaskClient], alice: Person, bob: Person) -> World:
    hers = browser()
    authorizing.sign_in(hers, alice)
    return World(app, alice, bob, hers, browser)
