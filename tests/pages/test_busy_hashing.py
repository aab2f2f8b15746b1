"""Every form that takes a password says in words that too many hash, and keeps what can be kept (E19, 15.4.4)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from flask_wtf import FlaskForm
from wtforms import PasswordField

from authserver.dashboard.security import PasswordForm
from authserver.domain.people import links, users
from authserver.domain.people.credentials import passwords
from authserver.lib import password_hash
from authserver.observability import metrics
from authserver.pages.login import LoginForm
from authserver.pages.password_reset import NewPasswordForm
from authserver.pages.welcome import WelcomeForm
from tests.conftest import PASSWORD, Person
from tests.support import databases, forms

NEW = "another walk along the river"


@dataclass(frozen=True)
class Door:
    """A form with a password: where it is, where it posts to and what is typed, `signed_in` or not."""

    form: type[FlaskForm]
    page: Callable[[Person], str]
    action: str
    typed: Callable[[Person], dict[str, str]]
    signed_in: bool = False
    kept: str = ""


def a_link(person: Person) -> str:
    return links.access_link(person.id).partition("://")[2].partition("/")[2]


def a_welcome(_person: Person) -> str:
    made = users.create("newcomer@example.test", name="Newcomer")
    return links.welcome_link(made.id).partition("://")[2].partition("/")[2]


DOORS = {
    "sign in": Door(
        LoginForm, lambda _: "login", "/login", lambda who: {"email": who.email, "password": PASSWORD}, kept="email"
    ),
    "confirm": Door(
        LoginForm,
        lambda _: "login/confirm?next=/apps",
        "/login/confirm",
        lambda _: {"password": PASSWORD},
        True,
        "next",
    ),
    "change": Door(
        PasswordForm,
        lambda _: "settings/security",
        "/settings/security/password",
        lambda _: {"current_password": PASSWORD, "new_password": NEW},
        True,
    ),
    "reset": Door(NewPasswordForm, a_link, "", lambda _: {"new_password": NEW}),
    "welcome": Door(WelcomeForm, a_welcome, "", lambda _: {"new_password": NEW}),
}


@contextlib.contextmanager
def every_place_taken() -> Iterator[None]:
    """Others hash and wait, as many as may."""
    password_hash.configure(1, memory_kib=64, time_cost=1)
    taken = password_hash._machine.places
    for _ in range(password_hash.most()):
        taken.acquire()
    try:
        yield
    finally:
        databases.cheap_hashing()


def test_every_form_with_a_password_is_one_of_these() -> None:
    """Of those that ask for a password of ours; the class knows its subclasses."""
    asking = {
        each
        for each in FlaskForm.__subclasses__()
        if each.__module__.startswith("authserver.")
        and any(getattr(getattr(each, name), "field_class", None) is PasswordField for name in dir(each))
    }
    assert asking == {door.form for door in DOORS.values()}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_a_busy_server_says_so_on_the_form_and_keeps_no_password(
    browser: Callable[[], FlaskClient], alice: Person, door: Door
) -> None:
    http = browser()
    if door.signed_in:
        forms.sign_in(http, alice.email, PASSWORD)
    page, typed = "/" + door.page(alice), door.typed(alice)
    before = metrics.QUEUE_REJECTED.labels("passwords")._value.get()
    with every_place_taken():
        answer = forms.submit(http, page, door.action or None, **typed)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
    assert passwords.BUSY in html and answer.headers["X-Request-Id"]
    again = forms.form_on(html, door.action or page)
    assert not any(again.values.get(name) for name in again.types if again.types[name] == "password")
    assert not door.kept or again.values[door.kept]
    assert PASSWORD not in html and NEW not in html
    assert metrics.QUEUE_REJECTED.labels("passwords")._value.get() == before + 1
    done = forms.post(http, again, **{name: text for name, text in typed.items() if "password" in name})
    assert done.status_code == 303  # nothing was used up: the same form does it a moment later
