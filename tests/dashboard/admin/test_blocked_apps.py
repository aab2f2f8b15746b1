"""/admin/blocked-apps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.domain.clients import blocked_apps, clients
from tests.conftest import Person
from tests.support.browsing import Browser, InProcess
from tests.support.databases import ISSUER
from tests.support.registering import register

PATH = "/admin/blocked-apps"


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open"}


@pytest.fixture
def desk(browser: Callable[[], FlaskClient], ada: Person) -> Browser:
    """An administrator's browser."""
    made = Browser(ISSUER, InProcess(browser()))
    made.fill("/login?next=/apps", email=ada.email, password=ada.password)
    return made


def test_the_apps_are_listed_and_a_name_is_blocked_and_unblocked(desk: Browser) -> None:
    made = register(redirect_uris=["https://a.example.test/cb"], application_type="web").json
    page = desk.open(PATH)
    assert "Notes agent" in page.text and "a.example.test" in page.text
    form = [each for each in page.forms if each.path.endswith("/block")][-1]
    desk.submit(form, what="Notes agent")
    assert not clients.get(made["client_id"]).enabled
    assert "Blocked" in desk.get(PATH).text
    form = next(each for each in desk.open(PATH).forms if each.path.endswith("/unblock"))
    desk.submit(form)
    assert clients.get(made["client_id"]).enabled and blocked_apps.all() == ()


def test_nothing_is_no_block(desk: Browser) -> None:
    form = [each for each in desk.open(PATH).forms if each.path.endswith("/block")][-1]
    assert desk.submit(form, what="").status == 422
