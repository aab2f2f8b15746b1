"""/settings/profile: one's own name, and nothing else of oneself."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from authserver.domain.people import users
from tests.conftest import PASSWORD, Person
from tests.support import forms

PAGE = "/settings/profile"


def test_the_name_is_saved(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    assert forms.submit(http, PAGE, name="  Alice  Cooper ").location == PAGE
    assert "Alice Cooper" in http.get(PAGE).get_data(as_text=True)


@pytest.mark.parametrize(
    "extra",
    [{"role": "admin"}, {"email": "root@example.test"}, {"id": "usrx"}, {"password_hash": "x"}, {"disabled_at": ""}],
)
def test_no_other_field_is_taken(http: FlaskClient, alice: Person, extra: dict[str, str]) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    forms.submit(http, PAGE, name="Alice", **extra)
    user = users.get(alice.id)
    assert (user.role, user.email, user.password_hash) == ("user", alice.email, alice.user.password_hash)


@pytest.mark.parametrize("name", ["x" * 201, "Al\u200bice", "\u202eecila"])
def test_a_name_that_deceives_is_refused(http: FlaskClient, alice: Person, name: str) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    assert forms.submit(http, PAGE, name=name).status_code == 422
    assert users.get(alice.id).name == "Alice Martin"


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "\"'><script>alert(1)</script>", "{{ 7*7 }}"])
def test_a_name_is_text(http: FlaskClient, alice: Person, name: str) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    forms.submit(http, PAGE, name=name)
    html = http.get(PAGE).get_data(as_text=True)
    assert name not in html or "{{" in name
    assert "<img src=x" not in html


ABOUT = {"nickname": "Al", "birthdate": "1990-05-31", "website": "https://al.example", "zoneinfo": "Europe/Paris"}
CONTACT = {"phone_number": "+33 1 23 45 67 89", "locality": "Paris", "country": "France", "street_address": "1 rue"}


def test_what_the_profile_tells_is_saved_and_shown_again(http: FlaskClient, alice: Person) -> None:
    """OpenID Connect Core 5.1: what a person fills in, and nothing else."""
    forms.sign_in(http, alice.email, PASSWORD)
    assert forms.submit(http, PAGE, PAGE + "/about", **ABOUT).location == PAGE
    assert forms.submit(http, PAGE, PAGE + "/contact", **CONTACT).location == PAGE
    assert users.get(alice.id).standard_claims == {
        **ABOUT,
        "phone_number": "+33123456789",
        "address": {"street_address": "1 rue", "locality": "Paris", "country": "France"},
    }
    html = http.get(PAGE).get_data(as_text=True)
    assert all(f'value="{text}"' in html for text in (*ABOUT.values(), "+33123456789", "France"))
    forms.submit(http, PAGE, PAGE + "/about", nickname="")
    assert "nickname" not in users.get(alice.id).standard_claims


@pytest.mark.parametrize(
    ("form", "name", "text"),
    [
        ("/about", "birthdate", "soon"),
        ("/about", "picture", "javascript:alert(1)"),
        ("/about", "nickname", "\u202eecila"),
        ("/contact", "phone_number", "12"),
        ("/contact", "country", "x" * 101),
    ],
)
def test_a_mistake_stands_at_its_field_and_nothing_is_saved(
    http: FlaskClient, alice: Person, form: str, name: str, text: str
) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    answer = forms.submit(http, PAGE, PAGE + form, **{name: text})
    html = answer.get_data(as_text=True)
    assert answer.status_code == 422 and f'id="{name}-error"' in html and "<title>Error" in html
    assert users.get(alice.id).standard_claims == {}


@pytest.mark.parametrize("extra", [{"email_verified": "1"}, {"phone_number_verified": "1"}, {"sub": "usr_x"}])
def test_nobody_vouches_for_themselves(http: FlaskClient, alice: Person, extra: dict[str, str]) -> None:
    before = users.get(alice.id).email_verified_at
    forms.sign_in(http, alice.email, PASSWORD)
    for form in ("/about", "/contact"):
        assert forms.submit(http, PAGE, PAGE + form, **extra).location == PAGE
    assert users.get(alice.id).email_verified_at == before
    assert users.get(alice.id).standard_claims == {}
