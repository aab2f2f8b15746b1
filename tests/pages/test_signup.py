"""/signup: only where it is open, and an address is proven before anything exists that could sign in."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from authserver.domain.ground import mails, throttle
from authserver.domain.people import users
from tests.conftest import Person
from tests.support import forms

Browser = Callable[[], FlaskClient]
NEW = "seven green lanterns drift"


@pytest.fixture
def overrides() -> dict[str, object]:
    return {"demo": True, "signup": "on"}


def test_the_way_in(http: FlaskClient) -> None:
    assert "Create account" in http.get("/login").get_data(as_text=True)
    assert forms.submit(http, "/signup", email="carol@example.test", name="Carol").status_code == 200
    found = re.search(r"http://localhost:8000(/welcome/\S+)", mails.recent()[0].body)
    assert found
    assert forms.submit(http, found[1], new_password=NEW).location == "/"
    assert "carol@example.test" in http.get("/settings/profile").get_data(as_text=True)


def test_the_answer_does_not_tell_who_has_an_account(browser: Browser, alice: Person, bob: Person) -> None:
    users.disable(bob.id)
    strip = re.compile(r'nonce="[^"]+"|value="[^"]{40,}"')
    answers = set()
    for email in (alice.email, bob.email, "new@example.test", "new@example.test"):
        response = forms.submit(browser(), "/signup", email=email)
        answers.add((response.status_code, strip.sub("", response.get_data(as_text=True))))
    assert len(answers) == 1
    subjects = {mail.recipient: mail.subject for mail in mails.recent()}
    assert subjects[alice.email] == "You already have a Kaie account"
    assert subjects["new@example.test"] == "Welcome to Kaie"


def test_nobody_plants_a_password_or_a_role(http: FlaskClient) -> None:
    fields = {"password": NEW, "new_password": NEW, "role": "admin", "email_verified": "1", "is_admin": "1"}
    forms.submit(http, "/signup", email="victim@example.test", **fields)
    user = users.find_by_email("victim@example.test")
    assert user is not None
    assert (user.password_hash, user.role, user.email_verified_at) == (None, "user", None)
    assert forms.sign_in(http, "victim@example.test", NEW).status_code == 422


def test_a_strangers_words_are_not_mailed_to_a_victim(http: FlaskClient) -> None:
    forms.submit(http, "/signup", email="victim@example.test", name="Pay at https://evil.test now")
    assert "evil.test" not in mails.recent()[0].body


@pytest.mark.parametrize("fields", [{"email": ""}, {"email": "carol"}, {"email": "c@example.test", "name": "x" * 201}])
def test_wrong_fields_say_so(http: FlaskClient, fields: dict[str, str]) -> None:
    assert forms.submit(http, "/signup", **fields).status_code == 422
    assert users.page()[1] == 0


def test_one_address_opens_only_so_many(http: FlaskClient) -> None:
    answers = [forms.submit(http, "/signup", email=f"p{number}@example.test").status_code for number in range(22)]
    assert answers == [200] * 20 + [429] * 2


def test_one_mailbox_gets_only_so_many_mails(browser: Browser) -> None:
    told = [
        forms.submit(browser(), "/signup", email="carol@example.test").status_code
        for _ in range(throttle.RESETS_PER_ACCOUNT + 2)
    ]
    assert told == [200] * throttle.RESETS_PER_ACCOUNT + [429] * 2
    assert forms.submit(browser(), "/signup", email="dora@example.test").status_code == 200


class TestOff:
    """The default."""

    @pytest.fixture
    def overrides(self) -> dict[str, object]:
        return {}

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_there_is_no_such_page(self, http: FlaskClient, method: str) -> None:
        form = forms.forms(http.get("/login").get_data(as_text=True))[0]
        assert http.open("/signup", method=method, data=form.values if method == "POST" else None).status_code in {
            400,
            404,
        }
        assert http.get("/signup").status_code == 404
        assert "Create account" not in http.get("/login").get_data(as_text=True)
