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
