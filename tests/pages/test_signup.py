"""/signup: only where it is open, and an address is proven before anything exists that could sign in."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver import config
from authserver.domain.ground import mails, throttle
from authserver.domain.people import users
from authserver.oauth.endpoints import metadata
from tests.conftest import Person
from tests.support import authorizing, forms
from tests.support.authorizing import answer_of, authorize, followed

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


def test_nor_by_asking_for_a_reset_of_what_was_signed_up(http: FlaskClient) -> None:
    forms.submit(http, "/signup", email="victim@example.test", name="Go to https://evil.example now")
    forms.submit(http, "/password/reset", email="victim@example.test")
    told = {each.subject: each.body for each in mails.recent()}
    assert "Reset your Kaie password" in told and "evil" not in "".join(told.values())


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


def welcome_link() -> str:
    found = re.search(r"http://localhost:8000(/welcome/\S+)", mails.recent()[0].body)
    assert found
    return found[1]


def test_an_app_sends_somebody_who_has_no_account_yet(http: FlaskClient, app: Flask) -> None:
    """prompt=create (Initiating User Registration 1.0, section 4): an account first, and then on to the app."""
    authorizing.make_app()
    page = followed(http, authorize(http, prompt="create", login_hint="carol@example.test"))
    assert page.request.path == "/signup" and "Acme Notes" in page.text and 'value="carol@example.test"' in page.text
    here = page.request.path + "?" + page.request.query_string.decode()
    assert forms.submit(http, here, "/signup", email="carol@example.test", name="Carol").status_code == 200
    answer = followed(http, forms.submit(http, welcome_link(), new_password=NEW))
    assert answer.request.path == "/oauth/authorize/consent" and "carol@example.test" in answer.text
    assert "code" in answer_of(authorizing.answer_consent(http, answer))


def test_somebody_who_is_signed_in_may_open_another_account(http: FlaskClient, app: Flask, alice: Person) -> None:
    """Section 4.1: the page is shown whoever is signed in; who has an account signs in from there."""
    authorizing.make_app()
    authorizing.sign_in(http, alice)
    page = followed(http, authorize(http, prompt="create"))
    assert page.request.path == "/signup"
    way = re.search(r'href="(/login[^"]+)"', page.text)
    assert way and "request=" in way[1]


def test_the_mailed_link_leads_no_other_browser_to_the_app(http: FlaskClient, browser: Browser, app: Flask) -> None:
    """Whoever begins a request and enters somebody else's address does not go on as them (class C18)."""
    authorizing.make_app()
    page = followed(http, authorize(http, prompt="create"))
    here = page.request.path + "?" + page.request.query_string.decode()
    forms.submit(http, here, "/signup", email="victim@example.test")
    victim = browser()
    assert forms.submit(victim, welcome_link(), new_password=NEW).location == "/"
    assert (
        authorizing.followed(http, http.get("/oauth/authorize/continue?" + here.partition("?")[2])).status_code == 200
    )


@pytest.mark.parametrize("handle", ["x", "../../evil", "https://evil.test", "%22%3E", "x" * 300])
def test_a_made_up_request_is_none(http: FlaskClient, handle: str) -> None:
    forms.submit(http, f"/signup?request={handle}", "/signup", email="carol@example.test")
    assert "?" not in welcome_link()
    assert forms.submit(http, welcome_link() + f"?request={handle}", welcome_link(), new_password=NEW).location == "/"


def test_the_metadata_names_it_where_it_works(app: Flask) -> None:
    """Section 4.2."""
    assert metadata.describe(config.current())["prompt_values_supported"][-1] == "create"


class TestWhereNobodyOpensAnAccount:
    @pytest.fixture
    def overrides(self) -> dict[str, object]:
        return {"signup": "off"}

    def test_the_value_is_unknown_there(self, http: FlaskClient, app: Flask) -> None:
        authorizing.make_app()
        assert answer_of(authorize(http, prompt="create"))["error"] == "invalid_request"
        assert "create" not in metadata.describe(config.current())["prompt_values_supported"]
