"""/admin/set-aside."""

from __future__ import annotations

from collections.abc import Callable

from flask.testing import FlaskClient

from authserver.domain.running import set_aside
from tests.conftest import Person
from tests.support import given_up
from tests.support.browsing import Browser, InProcess
from tests.support.databases import ISSUER

PATH = "/admin/set-aside"


def test_what_was_given_up_is_shown_with_its_reason_and_tried_again(
    browser: Callable[[], FlaskClient], ada: Person
) -> None:
    desk = Browser(ISSUER, InProcess(browser()))
    desk.fill("/login?next=/apps", email=ada.email, password=ada.password)
    given_up.mail("mailX")
    page = desk.open(PATH)
    assert "alice@example.test" in page.text and "SMTPDataError (554)" in page.text
    desk.submit(page.form(PATH + "/retry"))
    assert set_aside.jobs() == []
    assert "Nothing is waiting here" in desk.open(PATH).text
