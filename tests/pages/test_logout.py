"""/logout: ends the session where it lives, on the server."""

from __future__ import annotations

from flask.testing import FlaskClient

from authserver.domain.people import sessions
from authserver.domain.record import audit
from tests.conftest import PASSWORD, Person
from tests.support import forms


def test_a_link_asks_first(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    assert http.get("/logout").status_code == 200
    assert http.get("/settings/profile").status_code == 200


def test_a_saved_cookie_is_worthless_afterwards(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    cookie = http.get_cookie("authserver_session")
    assert cookie is not None
    response = forms.submit(http, "/logout")
    assert (response.status_code, response.location) == (303, "/login")
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert sessions.resolve(cookie.value) is None
    http.set_cookie("authserver_session", cookie.value)
    assert http.get("/settings/profile").location.startswith("/login")
    assert audit.page(owner_id=alice.id)[0][0].type == "user.logout"


def test_another_sites_post_signs_nobody_out(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    assert http.post("/logout").status_code == 400
    form = forms.form_on(http.get("/logout").get_data(as_text=True), "/logout")
    crossed = http.post("/logout", data=form.values, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossed.status_code in {400, 403}
    assert http.get("/settings/profile").status_code == 200


def test_who_is_signed_out_is_led_to_sign_in(http: FlaskClient) -> None:
    assert http.get("/logout").location == "/login"
