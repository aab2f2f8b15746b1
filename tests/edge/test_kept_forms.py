"""A form whose session ended by time is kept for its person alone, sealed, without secrets, and sent by nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from authserver import database
from authserver.domain.access import gateway_routes
from authserver.domain.people import kept_forms, sessions, users
from authserver.edge import filled_forms
from authserver.lib import clock
from authserver.models import KeptForm, SignInSession, User
from tests.conftest import Person
from tests.support import forms, typed_forms

Browser = Callable[[], FlaskClient]
TYPED = 'Alice "of" <Wonderland> & Co'


def run_out(**values: Any) -> None:
    """Every session was last used long ago."""
    with database.writing() as connection:
        connection.execute(update(SignInSession).values(values or {"seen_at": clock.now() - 7 * 3600}))


def send_too_late(http: FlaskClient, person: Person, page: str = "/settings/profile", **fields: str) -> TestResponse:
    """Sign in, fill a form in, and send it after the session ran out."""
    forms.sign_in(http, person.email, person.password)
    form = forms.form_on(http.get(page).get_data(as_text=True), page.partition("?")[0])
    run_out()
    return forms.post(http, form, **fields or {"name": TYPED})


def back(http: FlaskClient, sent: TestResponse, person: Person) -> TestResponse:
    """Sign in where the answer leads, and go on to the form."""
    assert sent.status_code == 303, sent.get_data(as_text=True)
    page = sent.location
    assert page.startswith("/login?next=/kept-form/")
    response = forms.sign_in(http, person.email, person.password, page)
    assert response.status_code == 303
    return http.get(response.location, follow_redirects=True)


def name_in(response: TestResponse) -> str:
    found = typed_forms.of(response.get_data(as_text=True))
    return dict(next(each for each in found if each.path == "/settings/profile").sent)["name"]


def kept() -> list[KeptForm]:
    with database.reading() as session:
        return list(session.scalars(select(KeptForm)))


def test_the_form_is_there_again_and_was_not_sent(http: FlaskClient, alice: Person) -> None:
    sent = send_too_late(http, alice)
    asked = http.get(sent.location).get_data(as_text=True)
    assert "You were signed out. Your form is there again once you are back." in asked
    assert f'value="{alice.email}"' in asked
    shown = back(http, sent, alice)
    text = shown.get_data(as_text=True)
    assert re.sub(r"<[^>]+>", "", text).count("You were signed out. Here is your form") == 1
    assert name_in(shown) == TYPED
    assert TYPED not in text
    assert users.get(alice.id).name != TYPED
    form = forms.form_on(text, "/settings/profile")
    assert forms.post(http, form, name=TYPED).status_code == 303
    assert users.get(alice.id).name == TYPED


def test_another_person_who_signs_in_there_sees_nothing_of_it(http: FlaskClient, alice: Person, bob: Person) -> None:
    shown = back(http, send_too_late(http, alice), bob)
    assert shown.status_code == 404
    assert "Wonderland" not in shown.get_data(as_text=True)
    assert name_in(http.get(f"/settings/profile?kept={kept()[0].id}")) != TYPED


def test_the_same_person_in_another_browser_sees_nothing_of_it(
    http: FlaskClient, browser: Browser, alice: Person
) -> None:
    send_too_late(http, alice)
    other = browser()
    forms.sign_in(other, alice.email, alice.password)
    assert other.get(f"/kept-form/{kept()[0].id}").status_code == 404
    assert name_in(other.get(f"/settings/profile?kept={kept()[0].id}")) != TYPED


def test_what_is_kept_is_sealed_and_says_nothing_to_who_reads_the_database(http: FlaskClient, alice: Person) -> None:
    send_too_late(http, alice)
    (row,) = kept()
    assert b"Wonderland" not in row.sealed
    assert row.id.encode() not in row.sealed
    assert row.expires_at - row.created_at == 30 * 60


def test_after_half_an_hour_it_is_gone(http: FlaskClient, alice: Person) -> None:
    sent = send_too_late(http, alice)
    with database.writing() as connection:
        connection.execute(update(KeptForm).values(expires_at=clock.now()))
    shown = back(http, sent, alice)
    assert (shown.status_code, "kept for 30 minutes" in shown.get_data(as_text=True)) == (404, True)


def end(user: User) -> None:
    sessions.end_all(user.id)


def disable(user: User) -> None:
    users.disable(user.id)


@pytest.mark.parametrize("ended", [end, disable])
def test_a_session_that_somebody_ended_keeps_nothing(
    http: FlaskClient, alice: Person, ended: Callable[[User], None]
) -> None:
    forms.sign_in(http, alice.email, alice.password)
    form = forms.form_on(http.get("/settings/profile").get_data(as_text=True), "/settings/profile")
    ended(alice.user)
    assert forms.post(http, form, name=TYPED).status_code == 400
    run_out(seen_at=1)
    assert forms.post(http, form, name=TYPED).status_code == 400
    assert kept() == []


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Dest": "empty"}],
    ids=["another site", "a sibling", "a script"],
)
def test_another_site_and_a_script_have_nothing_kept(http: FlaskClient, alice: Person, headers: dict[str, str]) -> None:
    forms.sign_in(http, alice.email, alice.password)
    form = forms.form_on(http.get("/settings/profile").get_data(as_text=True), "/settings/profile")
    run_out()
    assert http.post(form.action, data=form.values, headers=headers).status_code in (400, 403)
    assert kept() == []


def test_without_the_token_of_that_session_nothing_is_kept(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, alice.password)
    token = forms.token(http, "theme.save")
    run_out()
    for each in ("", "1.2", token):
        assert http.post("/settings/profile", data={"csrf_token": each, "name": TYPED}).status_code == 400
    assert kept() == []


def test_passwords_never_ride_along(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, alice.password)
    form = forms.form_on(http.get("/settings/security").get_data(as_text=True), "/settings/security/password")
    run_out()
    secret = "an oak beside the mill"
    shown = back(http, forms.post(http, form, current_password=alice.password, new_password=secret), alice)
    text = shown.get_data(as_text=True)
    assert "Passwords and secrets are not kept: type them again." in text
    assert secret not in text and alice.password not in text
    mark = http.get_cookie("authserver_browser")
    found = kept_forms.find(kept()[0].id, alice.id, mark.value if mark else "")
    assert found is not None
    assert not {"current_password", "new_password", "csrf_token"} & {name for name, _ in found.fields}


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("secret", "", True), ("client_secret", "", True), ("new_password", "", True), ("code", "", True),
        ("recovery_code", "", True), ("headers-3", "X-Key: 1", True), ("initial_token", "", True),
        ("metadata", '{"client_secret": "abcdefghijklmnop"}', True), ("note", "Bearer abcdefghijklmnopqrstuvwx", True),
        ("url", "https://me:secret@hooks.example/", True),
        ("name", "My token app", False), ("postal_code", "75005", False), ("user_code", "BCDF-GHJK", False),
        ("token_endpoint_auth_method", "client_secret_basic", False), ("access_token_ttl", "60", False),
    ],
)  # fmt: skip
def test_fields_for_secrets_are_told_by_their_name_or_by_what_is_in_them(name: str, value: str, secret: bool) -> None:
    assert kept_forms.is_secret(name, value) is secret


def test_what_is_too_long_is_not_kept_and_the_page_says_so(http: FlaskClient, alice: Person) -> None:
    shown = back(http, send_too_late(http, alice, name="x" * kept_forms.SIZE), alice)
    assert "not kept" in shown.get_data(as_text=True)
    assert len(kept()[0].sealed) < 500


def test_no_more_than_five_are_kept_of_a_person(http: FlaskClient, alice: Person) -> None:
    for number in range(kept_forms.MOST + 2):
        send_too_late(http, alice, name=str(number))
    assert len(kept()) == kept_forms.MOST


def test_past_a_fresh_proof_nothing_is_carried(http: FlaskClient, alice: Person) -> None:
    sent = send_too_late(http, alice, page="/apps/import", metadata='{"client_name": "Kept"}')
    page = http.get(back_to(http, sent, alice)).location
    assert "Kept" in http.get(page).get_data(as_text=True)
    run_out(auth_time=clock.now() - 3600)
    asked = http.get(page)
    assert asked.location == "/login/confirm?next=/apps/import"


def back_to(http: FlaskClient, sent: TestResponse, person: Person) -> str:
    return str(forms.sign_in(http, person.email, person.password, sent.location).location)


def test_who_signed_in_again_in_another_tab_finds_the_form_at_once(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, alice.password)
    form = forms.form_on(http.get("/settings/profile").get_data(as_text=True), "/settings/profile")
    run_out()
    forms.sign_in(http, alice.email, alice.password)
    sent = forms.post(http, form, name=TYPED)
    assert sent.location.startswith("/kept-form/")
    assert name_in(http.get(sent.location, follow_redirects=True)) == TYPED
    assert users.get(alice.id).name != TYPED


def test_what_needs_nobody_signed_in_goes_on_at_once(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, alice.password)
    page = http.get("/logout").get_data(as_text=True)
    run_out()
    assert forms.post(http, forms.form_on(page, "/logout")).location == "/login"
    assert kept() == []


def test_a_page_that_is_gone_says_so_and_what_was_typed(http: FlaskClient, ada: Person, alice: Person) -> None:
    forms.sign_in(http, ada.email, ada.password)
    page = f"/admin/users/{alice.id}"
    form = forms.form_on(http.get(page).get_data(as_text=True), f"{page}/names")
    run_out()
    sent = forms.post(http, form, name=TYPED)
    users.set_role(alice.id, "admin")
    users.set_role(ada.id, "user")
    shown = back(http, sent, ada)
    text = shown.get_data(as_text=True)
    assert shown.status_code == 404
    assert "This form can't be sent any more" in text
    assert "Alice &#34;of&#34; &lt;Wonderland&gt; &amp; Co" in text


def test_lines_that_were_typed_stay_lines_on_the_page_that_says_so(http: FlaskClient, ada: Person) -> None:
    gateway_routes.save("gone", gateway_routes.parse("* /gone"))
    forms.sign_in(http, ada.email, ada.password)
    page = "/admin/gateway-routes/gone/edit"
    form = forms.form_on(http.get(page).get_data(as_text=True), page)
    run_out()
    sent = forms.post(http, form, rules="GET /one\nGET /two")
    gateway_routes.remove("gone")
    assert ">GET /one\nGET /two</pre>" in re.sub(r"</?code>", "", back(http, sent, ada).get_data(as_text=True))


ROWS = """<div class="flashes" role="status"></div><form method="post" action="/f"><fieldset data-rows="uri">
<div class="rowitem"><div class="row">
<input type="text" id="uri-0" name="uri-0" value="" aria-label="URI 1"></div></div>
<button name="add_row" value="uri">Add</button></fieldset><textarea name="note">a &amp; b</textarea>
<select name="kind"><option value="a" selected>A</option><option value="b">B</option></select></form>"""


def test_a_list_gets_as_many_rows_as_were_filled_in() -> None:
    wanted = (("uri-0", "https://a.example"), ("uri-1", ""), ("uri-2", 'https://"c".example'), ("kind", "b"))
    filled = filled_forms.fill(ROWS, "/f", wanted)
    assert filled is not None
    (form,) = typed_forms.of(filled.html)
    assert form.sent == [
        ("uri-0", "https://a.example"), ("uri-1", 'https://"c".example'), ("note", "a & b"), ("kind", "b"),
    ]  # fmt: skip
    assert (filled.form_id, 'aria-label="URI 2"' in filled.html) == ("kept-form", True)


def test_of_two_forms_for_one_address_that_with_these_fields_is_filled_in() -> None:
    page = (
        '<form method="post" action="/f"><input name="a"></form><form method="post" action="/f"><input name="b"></form>'
    )
    filled = filled_forms.fill(page, "/f", [("b", "typed")])
    assert filled is not None
    assert [each.sent for each in typed_forms.of(filled.html)] == [[("a", "")], [("b", "typed")]]
    assert filled_forms.fill(page, "/g", [("b", "typed")]) is None
