"""/admin/registration-tokens."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from authserver.domain.clients import registration_tokens
from tests.conftest import Person
from tests.support.browsing import Browser, InProcess
from tests.support.databases import ISSUER

PATH = "/admin/registration-tokens"


@pytest.fixture
def desk(browser: Callable[[], FlaskClient], ada: Person) -> Browser:
    """An administrator's browser."""
    made = Browser(ISSUER, InProcess(browser()))
    made.fill("/login?next=/apps", email=ada.email, password=ada.password)
    return made


def test_a_token_is_shown_once_and_ended(desk: Browser) -> None:
    text = desk.fill(f"{PATH}/new", uses="3").text
    found = re.search(r"kaie_iat_[0-9A-Za-z]{36}", text)
    assert found is not None and registration_tokens.is_good(found[0])
    listed = desk.get(PATH).text
    assert found[0] not in listed and "0 of 3" in listed
    (row,) = registration_tokens.all()
    desk.fill(PATH, f"{PATH}/{row.id}/revoke")
    assert not registration_tokens.is_good(found[0])


def test_a_number_out_of_bounds_is_refused(desk: Browser) -> None:
    form = desk.open(f"{PATH}/new").form("/new")
    assert desk.submit(form, uses="0").status == 422
