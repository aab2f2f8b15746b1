"""Error pages keep people where they were."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

import authserver
from authserver import config
from authserver.config import Settings
from authserver.edge import error_pages
from tests.conftest import Person
from tests.support import forms

Browser = Callable[[], FlaskClient]
SIDE_BAR = 'aria-label="Main"'


@pytest.mark.parametrize("path", ["/nothing-here", "/apps/nobody", "/admin/users"])
def test_a_page_that_is_not_there_keeps_the_side_bar(browser: Browser, alice: Person, path: str) -> None:
    http = browser()
    forms.sign_in(http, alice.email, alice.password)
    answer = http.get(path)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 404
    assert SIDE_BAR in page and page.count("<h1>") == 1 and 'data-copy="req' in page


def test_a_fault_keeps_it_too(app: Flask, browser: Browser, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setitem(app.view_functions, "usage.show", broken)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    http = browser()
    forms.sign_in(http, alice.email, alice.password)
    answer = http.get("/usage")
    assert answer.status_code == 500
    assert SIDE_BAR in answer.get_data(as_text=True)


def test_strangers_and_people_on_their_way_to_an_app_get_the_page_alone(browser: Browser, alice: Person) -> None:
    http = browser()
    assert SIDE_BAR not in http.get("/nothing-here").get_data(as_text=True)
    forms.sign_in(http, alice.email, alice.password)
    assert SIDE_BAR not in http.get("/oauth/nothing-here").get_data(as_text=True)


def test_the_page_is_made_even_where_nobody_can_be_looked_up(app: Flask) -> None:
    with app.test_request_context("/usage"):
        response = error_pages.page(503, retry_after=5)
    assert response.status_code == 503 and response.headers["Retry-After"] == "5"


def test_flasks_own_variable_switches_no_debugging_on(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    made = Flask("made")
    assert made.debug
    with config.using(settings):
        authserver.configure(made, settings)
    assert not made.debug
