"""Form tokens: whose they are, for which form, and how long (ASVS 3.5.1)."""

from __future__ import annotations

import pytest
import time_machine
from flask.testing import FlaskClient

from authserver.edge import csrf
from authserver.lib import clock
from tests.conftest import Person
from tests.support import forms

START = 1_795_000_000


def save(http: FlaskClient, token: str) -> int:
    return http.post("/settings/profile", data={"csrf_token": token, "name": "Alice Liddell"}).status_code


@pytest.mark.parametrize(
    ("age", "status"),
    [(0, 303), (csrf.LIFETIME, 303), (csrf.LIFETIME + 1, 400), (-clock.LEEWAY, 303), (-clock.LEEWAY - 1, 400)],
)
@pytest.mark.parametrize("overrides", [{"session_idle_ttl": 90 * 86_400, "session_max_ttl": 90 * 86_400}], ids=[""])
def test_a_token_is_good_for_its_lifetime_and_no_longer(
    http: FlaskClient, alice: Person, age: int, status: int
) -> None:
    with time_machine.travel(START, tick=False) as now:
        forms.sign_in(http, alice.email, alice.password)
        token = forms.token(http, "profile.save")
        now.move_to(START + age)
        assert save(http, token) == status


@pytest.mark.parametrize("mangle", ["", ".", "x.y", "{stamp}", "{stamp}.", "0.{tag}", "{stamp}.{tag}0", "-1.{tag}"])
def test_what_is_no_token_is_refused(http: FlaskClient, alice: Person, mangle: str) -> None:
    forms.sign_in(http, alice.email, alice.password)
    stamp, _, tag = forms.token(http, "profile.save").partition(".")
    assert save(http, mangle.format(stamp=stamp, tag=tag)) == 400


def test_a_token_of_another_form_another_browser_or_an_earlier_session_is_refused(
    http: FlaskClient, browser: object, alice: Person
) -> None:
    forms.sign_in(http, alice.email, alice.password)
    other = browser()  # type: ignore[operator]  # a fixture that makes browsers
    forms.sign_in(other, alice.email, alice.password)
    earlier = forms.token(http, "profile.save")
    assert save(http, forms.token(http, "theme.save")) == 400
    assert save(http, forms.token(other, "profile.save")) == 400
    forms.submit(http, "/login/confirm", email=alice.email, password=alice.password)
    assert save(http, earlier) == 400
    assert save(http, forms.token(http, "profile.save")) == 303
