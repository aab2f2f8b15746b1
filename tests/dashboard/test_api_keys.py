"""/settings/api-keys: made by a form, shown once, and nobody else's business."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.lib import clock, secrets
from tests.conftest import Person
from tests.support import authorizing, forms

LIST, NEW = "/settings/api-keys", "/settings/api-keys/new"
KEY = re.compile(r"kaie_ak_[0-9A-Za-z]{36}")
Browser = Callable[[], FlaskClient]


@pytest.fixture
def hers(browser: Browser, alice: Person) -> FlaskClient:
    """Alice's browser, signed in."""
    return signed_in(browser, alice)


def signed_in(browser: Browser, person: Person) -> FlaskClient:
    http = browser()
    authorizing.sign_in(http, person)
    return http


def create(http: FlaskClient, **fields: str) -> Any:
    return forms.submit(http, NEW, **{"name": "CI", "permission": "read_only", **fields})


def key_of(person: Person) -> api_keys.ApiKey:
    return api_keys.page(person.id)[0][0]


def moved(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    then = clock.now() + seconds
    monkeypatch.setattr(clock, "now", lambda: then)


# Creating


def test_the_empty_page_teaches_and_names_the_command(hers: FlaskClient) -> None:
    page = hers.get(LIST).get_data(as_text=True)
    assert "No API keys yet" in page
    assert "authserver key create --owner alice@example.test" in page


def test_the_form_says_what_each_level_can_and_cannot_do(hers: FlaskClient) -> None:
    page = hers.get(NEW).get_data(as_text=True)
    for text in ("Read Only", "Read/Write", "Full Access", "Cannot create and change your workflows"):
        assert text in page


def test_a_new_key_is_shown_in_the_answer_and_works(hers: FlaskClient, alice: Person) -> None:
    answer = create(hers, permission="read_write")
    value = KEY.search(answer.get_data(as_text=True))
    assert answer.status_code == 200
    assert value is not None
    found = api_keys.check(value[0], "127.0.0.1")
    assert found is not None
    assert (found.owner_id, found.permission) == (alice.id, "read_write")
    assert found.expires_at == pytest.approx(clock.now() + 90 * 86_400, abs=60)


def test_the_answer_is_stored_nowhere_and_the_key_is_on_no_other_page(hers: FlaskClient, alice: Person) -> None:
    answer = create(hers)
    assert answer.headers["Cache-Control"] == "no-store"
    key = key_of(alice)
    for page in (LIST, f"{LIST}/{key.id}", f"{LIST}/{key.id}/rotate", f"{LIST}/{key.id}/revoke", "/audit", "/"):
        assert not KEY.search(hers.get(page).get_data(as_text=True)), page


def test_what_can_be_copied_works_as_it_is(hers: FlaskClient) -> None:
    page = create(hers).get_data(as_text=True)
    assert "KAIE_API_KEY=kaie_ak_" in page
    assert "Authorization: Bearer $KEY&#34; http://localhost:8000/v1/me" in page


def test_a_repeated_post_makes_no_second_key(hers: FlaskClient, alice: Person) -> None:
    form = forms.form_on(hers.get(NEW).get_data(as_text=True), NEW)
    filled = {**form.values, "name": "CI", "permission": "read_only"}
    assert hers.post(NEW, data=filled).status_code == 200
    again = hers.post(NEW, data=filled)
    assert again.status_code == 409
    assert "This key was already shown" in again.get_data(as_text=True)
    assert not KEY.search(again.get_data(as_text=True))
    assert api_keys.page(alice.id)[1] == 1


@pytest.mark.parametrize("once", ["", "x", "1-abc.def", "kaie"])
def test_a_form_nonce_that_is_not_ours_makes_no_key(hers: FlaskClient, alice: Person, once: str) -> None:
    assert create(hers, once=once).status_code == 409
    assert api_keys.page(alice.id)[1] == 0


def test_a_form_with_errors_does_not_use_up_its_nonce(hers: FlaskClient, alice: Person) -> None:
    form = forms.form_on(hers.get(NEW).get_data(as_text=True), NEW)
    assert forms.post(hers, form, name="", permission="read_only").status_code == 422
    assert forms.post(hers, form, name="CI", permission="read_only").status_code == 200


@pytest.mark.parametrize(
    ("fields", "sentence", "field"),
    [
        ({"name": ""}, "Name this key so you can recognise it later.", "name"),
        ({"permission": "root"}, "Choose an access level.", "permission"),
        ({"expires": "never"}, "Tick this for a key that never expires.", "rotate_myself"),
        ({"expires": "custom", "expires_on": ""}, "Choose a life between", "expires_on"),
        ({"expires": "custom", "expires_on": "2001-01-01"}, "Choose a life between", "expires_on"),
        ({"expires": "forever"}, "Choose", "expires"),
        ({"rate_limit": "many"}, "many can&#39;t be used: a limit looks like 1000/hour.", "rate_limit"),
        ({"allowed_networks-0": "10.0.0.0/33"}, "10.0.0.0/33 is not a network. Example:", "allowed_networks-0"),
        ({"allowed_networks-0": "<b>x</b>"}, "&lt;b&gt;x&lt;/b&gt; is not a network.", "allowed_networks-0"),
    ],
)  # fmt: skip
def test_a_form_with_an_error(
    hers: FlaskClient, alice: Person, fields: dict[str, str], sentence: str, field: str
) -> None:
    answer = create(hers, **fields)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "<title>Error – " in page
    assert sentence in page
    assert f'href="#{field}' in page
    assert api_keys.page(alice.id)[1] == 0


def test_a_form_with_an_error_keeps_what_was_typed(hers: FlaskClient) -> None:
    typed = {"rate_limit": "5/minute", "note": "in the cellar", "allowed_networks-0": "10.0.0.0/8", "expires": "1y"}
    page = create(hers, name="", permission="read_write", **typed).get_data(as_text=True)
    for text in ('value="5/minute"', "in the cellar", 'value="10.0.0.0/8"'):
        assert text in page
    form = forms.form_on(page, NEW)
    assert (form.values["permission"], form.values["expires"]) == ("read_write", "1y")


def test_everything_of_the_form_reaches_the_key(hers: FlaskClient, alice: Person) -> None:
    create(
        hers, name="Cellar", permission="read_only", rate_limit="5/minute", note="behind the wine", expires="custom",
        expires_on="2199-12-31", **{"allowed_networks-0": "10.0.0.0/8", "allowed_networks-1": " 2001:db8::/32 "},
    )  # fmt: skip
    assert api_keys.page(alice.id)[1] == 0  # two centuries are too many
    day = datetime.fromtimestamp(clock.now() + 10 * 86_400, UTC)
    create(
        hers, name="Cellar", permission="read_only", rate_limit="5/minute", note="behind the wine", expires="custom",
        expires_on=f"{day:%Y-%m-%d}", **{"allowed_networks-0": "10.0.0.0/8", "allowed_networks-1": " 2001:db8::/32 "},
    )  # fmt: skip
    key = key_of(alice)
    assert (key.name, key.rate_limit, key.note) == ("Cellar", "5/minute", "behind the wine")
    assert key.allowed_networks == ["10.0.0.0/8", "2001:db8::/32"]
    assert key.expires_at == int(day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) + 86_400


def test_a_key_that_never_expires_needs_a_promise(hers: FlaskClient, alice: Person) -> None:
    assert create(hers, expires="never", rotate_myself="y").status_code == 200
    assert key_of(alice).expires_at is None


def test_without_script_a_row_is_added_by_the_server(hers: FlaskClient, alice: Person) -> None:
    answer = create(hers, add_row="allowed_networks", **{"allowed_networks-0": "10.0.0.0/8"})
    assert answer.status_code == 200
    assert 'name="allowed_networks-1"' in answer.get_data(as_text=True)
    assert api_keys.page(alice.id)[1] == 0


def test_full_access_right_after_signing_in_needs_nothing_more(hers: FlaskClient) -> None:
    assert KEY.search(create(hers, permission="full_access").get_data(as_text=True))


def test_full_access_later_asks_for_the_password_and_the_form_survives(
    hers: FlaskClient, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved(monkeypatch, 400)
    answer = create(hers, name="Root & more", permission="full_access", note="n=1")
    assert (answer.status_code, api_keys.page(alice.id)[1]) == (303, 0)
    sign_in = urlsplit(answer.headers["Location"])
    asked = parse_qs(sign_in.query)
    assert sign_in.path == "/login/confirm"
    back = forms.form_on(hers.get(asked["next"][0]).get_data(as_text=True), NEW)
    assert (back.values["name"], back.values["permission"]) == ("Root & more", "full_access")


def test_a_lesser_key_needs_no_fresh_password(
    hers: FlaskClient, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved(monkeypatch, 400)
    assert create(hers, permission="read_write").status_code == 200


# Looking, rotating, revoking


def test_the_list_has_names_levels_hints_and_ends(hers: FlaskClient, alice: Person) -> None:
    key, _ = api_keys.create(alice.user, Wish("Nightly <report>", "read_write", 2 * 86_400))
    page = hers.get(LIST).get_data(as_text=True)
    for text in ("Nightly &lt;report&gt;", "Read/Write", key.hint, "bad-text"):
        assert text in page


@pytest.mark.parametrize(("status", "shown"), [("", True), ("active", True), ("revoked", False), ("x' OR 1", True)])
def test_the_list_is_filtered_by_its_address(hers: FlaskClient, alice: Person, status: str, shown: bool) -> None:
    api_keys.create(alice.user, Wish("Deploys", "read_only"))
    assert ("Deploys" in hers.get(LIST, query_string={"status": status}).get_data(as_text=True)) == shown


def test_long_lists_have_pages(hers: FlaskClient, alice: Person) -> None:
    for number in range(5):
        api_keys.create(alice.user, Wish(f"Key {number}", "read_only"))
    page = hers.get(LIST + "?limit=2&page=2").get_data(as_text=True)
    assert "3–4 of 5" in page


@pytest.mark.parametrize("query", ["page=-1", "page=x", "limit=0", "limit=99999999", "page=99999999999999999999"])
def test_nonsense_in_the_address_is_no_error(hers: FlaskClient, query: str) -> None:
    assert hers.get(f"{LIST}?{query}").status_code == 200


def test_a_rotation_shows_the_new_key_once_and_both_work(hers: FlaskClient, alice: Person) -> None:
    old, old_value = api_keys.create(alice.user, Wish("CI", "read_only"))
    answer = forms.submit(hers, f"{LIST}/{old.id}/rotate", overlap="1h")
    fresh = KEY.search(answer.get_data(as_text=True))
    assert fresh is not None
    assert api_keys.check(fresh[0], "127.0.0.1")
    assert api_keys.check(old_value, "127.0.0.1")
    assert "This key was rotated." in hers.get(f"{LIST}/{old.id}").get_data(as_text=True)


def test_a_repeated_rotation_makes_no_third_key(hers: FlaskClient, alice: Person) -> None:
    old, _ = api_keys.create(alice.user, Wish("CI", "read_only"))
    path = f"{LIST}/{old.id}/rotate"
    form = forms.form_on(hers.get(path).get_data(as_text=True), path)
    assert forms.post(hers, form, overlap="24h").status_code == 200
    assert forms.post(hers, form, overlap="24h").status_code == 409
    assert api_keys.page(alice.id)[1] == 2


@pytest.mark.parametrize("overlap", ["", "99d", "-1"])
def test_a_rotation_needs_one_of_the_choices(hers: FlaskClient, alice: Person, overlap: str) -> None:
    old, _ = api_keys.create(alice.user, Wish("CI", "read_only"))
    assert forms.submit(hers, f"{LIST}/{old.id}/rotate", overlap=overlap).status_code == 422
    assert api_keys.page(alice.id)[1] == 1


def test_rotating_full_access_later_asks_for_the_password(
    hers: FlaskClient, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = api_keys.create(alice.user, Wish("Root", "full_access"))
    moved(monkeypatch, 400)
    answer = forms.submit(hers, f"{LIST}/{old.id}/rotate", overlap="now")
    assert answer.headers["Location"].startswith("/login/confirm?")
    assert api_keys.page(alice.id)[1] == 1


def test_revoking_says_the_consequence_first_and_acts_by_post(hers: FlaskClient, alice: Person) -> None:
    key, value = api_keys.create(alice.user, Wish("CI", "read_only"))
    path = f"{LIST}/{key.id}/revoke"
    assert "stops working at once" in hers.get(path).get_data(as_text=True)
    assert api_keys.check(value, "127.0.0.1")
    assert forms.submit(hers, path).status_code == 303
    assert api_keys.check(value, "127.0.0.1") is None


def test_discarding_is_right_beside_the_new_key(hers: FlaskClient, alice: Person) -> None:
    page = create(hers).get_data(as_text=True)
    value = KEY.search(page)
    assert value is not None
    key = key_of(alice)
    forms.post(hers, forms.form_on(page, f"{LIST}/{key.id}/revoke"))
    assert api_keys.check(value[0], "127.0.0.1") is None


# Other people


@pytest.mark.parametrize("path", ["", "/rotate", "/revoke"])
def test_a_strangers_key_is_a_404(browser: Browser, alice: Person, mallory: Person, path: str) -> None:
    key, _ = api_keys.create(alice.user, Wish("Nightly backups", "read_only"))
    theirs = signed_in(browser, mallory)
    real, made_up = theirs.get(f"{LIST}/{key.id}{path}"), theirs.get(f"{LIST}/key_doesnotexist{path}")
    assert (real.status_code, made_up.status_code) == (404, 404)
    assert "Nightly" not in real.get_data(as_text=True)


@pytest.mark.parametrize("verb", ["rotate", "revoke"])
def test_a_stranger_changes_nothing_even_with_a_valid_form_token(
    browser: Browser, alice: Person, mallory: Person, verb: str
) -> None:
    key, value = api_keys.create(alice.user, Wish("CI", "read_only"))
    theirs = signed_in(browser, mallory)
    once = forms.form_on(theirs.get(NEW).get_data(as_text=True), NEW).values["once"]
    token = forms.token(theirs, f"api_keys.{verb}")
    data = {"csrf_token": token, "once": once, "overlap": "now"}
    assert theirs.post(f"{LIST}/{key.id}/{verb}", data=data).status_code == 404
    assert api_keys.check(value, "127.0.0.1")


def test_everybodys_keys_are_for_administrators(browser: Browser, alice: Person, bob: Person, ada: Person) -> None:
    api_keys.create(alice.user, Wish("Deploys of Alice", "read_only"))
    assert "Deploys of Alice" not in signed_in(browser, bob).get(LIST + "?whose=all").get_data(as_text=True)
    page = signed_in(browser, ada).get(LIST + "?whose=all").get_data(as_text=True)
    assert "Deploys of Alice" in page
    assert alice.email in page


def test_an_administrator_revokes_anybodys_key_and_rotates_only_their_own(
    browser: Browser, alice: Person, ada: Person
) -> None:
    key, value = api_keys.create(alice.user, Wish("CI", "read_only"))
    admin = signed_in(browser, ada)
    assert admin.get(f"{LIST}/{key.id}/rotate").status_code == 404
    assert forms.submit(admin, f"{LIST}/{key.id}/revoke").status_code == 303
    assert api_keys.check(value, "127.0.0.1") is None


@pytest.mark.parametrize("path", [LIST, NEW, f"{LIST}/key_x", f"{LIST}/key_x/rotate", f"{LIST}/key_x/revoke"])
def test_nobody_gets_here_without_signing_in(http: FlaskClient, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, urlsplit(answer.headers["Location"]).path) == (303, "/login")


@pytest.mark.parametrize("path", [NEW, f"{LIST}/key_x/rotate", f"{LIST}/key_x/revoke"])
def test_a_post_without_its_form_token_is_refused(hers: FlaskClient, alice: Person, path: str) -> None:
    assert hers.post(path, data={"name": "CI", "permission": "read_only"}).status_code == 400
    assert api_keys.page(alice.id)[1] == 0


@pytest.mark.parametrize("key_id", ["%00", "a%00b", "../x", "é", "x" * 3000])
def test_a_hostile_id_is_only_not_found(hers: FlaskClient, key_id: str) -> None:
    assert hers.get(f"{LIST}/{key_id}").status_code in {404, 414}


def test_a_keys_digest_is_on_no_page(hers: FlaskClient, alice: Person) -> None:
    key, value = api_keys.create(alice.user, Wish("CI", "read_only"))
    assert secrets.digest(value).hex() not in hers.get(f"{LIST}/{key.id}").get_data(as_text=True)
