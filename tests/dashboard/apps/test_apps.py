"""/apps over HTTP: what an owner can do there, and what nobody else can."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from authserver import config, database
from authserver.domain.access import resources
from authserver.domain.clients import clients, endings
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.metadata import DEVICE, Registration
from authserver.domain.ground import throttle
from authserver.domain.people import users
from authserver.domain.record import audit
from authserver.models import Client, Mail
from authserver.observability import context
from tests.conftest import Person
from tests.support import authorizing, forms, own_jwts
from tests.support.browsing import Answer, Browser, InProcess
from tests.support.databases import ISSUER
from tests.support.tables import rows

CALLBACK = "https://app.example.test/callback"
WEB = Registration(name="Acme Notes", kind="web", redirect_uris=(CALLBACK,), scopes=("openid", "workflows:read"))
SECRET = re.compile(r"kaie_cs_[0-9A-Za-z]{36}")
# Names that would do something if they were ever markup (security.md C21).
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{ 7 * 7 }}",
    "</title><svg onload=alert(1)>",
    "&lt;b&gt;",
)
SignedIn = Callable[[Person], Browser]


@pytest.fixture
def at(browser: Callable[[], FlaskClient]) -> SignedIn:
    """A signed-in browser of somebody."""

    def sign_in(person: Person) -> Browser:
        client = browser()
        authorizing.sign_in(client, person)
        return Browser(ISSUER, InProcess(client))

    return sign_in


def make(owner: Person, **values: Any) -> Client:

    return clients.register(owner.user, dataclasses.replace(WEB, **values), trusted=True)[0]


def register(browser: Browser, kind: str = "web", **fields: Any) -> Answer:
    page = browser.open(f"/apps/new?kind={kind}")
    wanted = {"name": "Acme Notes", **({"redirect_uris-0": CALLBACK} if kind in ("web", "spa") else {}), **fields}
    return browser.submit(page.form("/apps/new"), **wanted)


def only_client() -> Client:
    from authserver.domain.clients import directory as client_directory

    (line,), _total = client_directory.owned_by(None)
    return line.client


LONG = "https://app.example.test/" + "x" * 2000


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("homepage", "http://app.example.test", "http://app.example.test can't be used: it must be a whole address"),
        ("homepage", "app.example.test", "app.example.test can't be used: it must be a whole address that starts with"),
        ("homepage", "https://app.example.test/#x", "https://app.example.test/#x can't be used: the address must not"),
        ("policy_uri", "http://localhost/privacy", "http://localhost/privacy can't be used: it must be"),
        ("redirect_uris-0", "https://*.example.test/", "https://*.example.test/ can't be used: wildcards are not"),
        ("redirect_uris-0", "https://me:pass@app.example.test/", "https://•••@app.example.test/ can't be used: the"),
        ("redirect_uris-0", LONG, LONG[:60] + "… can't be used: the address may have at most 2000 characters."),
        ("allowed_cors_origins-0", "https://app.example.test/x", "https://app.example.test/x can't be used: scheme,"),
        ("contacts-0", "nobody", "nobody can't be used: enter one email address, such as name@example.com."),
        ("jwks_uri", "https://10.0.0.8/keys", "https://10.0.0.8/keys can't be used: 10.0.0.8 is a private address."),
    ],
)
def test_an_error_repeats_what_was_entered_at_its_field(
    at: SignedIn, alice: Person, field: str, value: str, sentence: str
) -> None:
    browser = at(alice)
    form = browser.open("/apps/new?kind=web").form("/apps/new")
    form.names.append(field)
    answer = browser.submit(form, **{"name": "Acme Notes", "redirect_uris-0": CALLBACK, field: value})
    assert answer.status == 422
    text = html.unescape(answer.text)
    assert sentence in text[text.index(f'id="{field}-error"') :]
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true"|aria-invalid="true"[^>]*id="{field}"', answer.text)


def test_an_empty_list_teaches_what_an_app_is(at: SignedIn, alice: Person) -> None:
    text = at(alice).open("/apps").text
    assert "Register your first app" in text
    assert "authserver client create" in text


def test_registering_shows_a_working_secret_once(at: SignedIn, alice: Person) -> None:
    answer = register(at(alice))
    assert answer.status == 200
    assert answer.header("Cache-Control") == "no-store"
    secret = SECRET.search(answer.text)
    assert secret is not None
    (stored,) = clients.get(only_client().id).secrets
    assert client_secrets.secrets.digest(secret[0]) == stored.digest


def test_the_same_form_sent_again_makes_no_second_app_and_shows_no_secret(at: SignedIn, alice: Person) -> None:
    browser = at(alice)
    form = browser.open("/apps/new?kind=web").form("/apps/new")
    filled = {"name": "Acme Notes", "redirect_uris-0": CALLBACK}
    assert SECRET.search(browser.submit(form, **filled).text)
    again = browser.submit(form, **filled)
    assert again.status == 409
    assert "already shown" in again.text
    assert not SECRET.search(again.text)
    assert only_client().name == "Acme Notes"


def test_a_form_without_its_one_shot_mark_shows_nothing(at: SignedIn, alice: Person) -> None:
    assert register(at(alice), once="forged").status == 409


@pytest.mark.parametrize("kind", ["spa", "native", "machine"])
def test_the_other_kinds_of_app_register_by_the_same_form(at: SignedIn, alice: Person, kind: str) -> None:
    more = {"redirect_uris-0": "http://127.0.0.1/callback"} if kind == "native" else {}
    answer = register(at(alice), kind, **more)
    assert answer.status == 200
    assert bool(SECRET.search(answer.text)) == (kind == "machine")
    assert only_client().kind == kind


def test_each_row_of_redirect_uris_has_its_own_message(at: SignedIn, alice: Person) -> None:
    browser = at(alice)
    form = browser.open("/apps/new?kind=web").form("/apps/new")
    rows = {"redirect_uris-0": CALLBACK, "redirect_uris-1": "", "redirect_uris-2": "http://app.example.test/"}
    form.names += list(rows)
    answer = browser.submit(form, name="Acme Notes", **rows)
    assert answer.status == 422
    assert "<title>Error" in answer.text
    assert re.search(r'id="redirect_uris-2"[^>]*aria-invalid="true"', answer.text)
    assert not re.search(r'id="redirect_uris-0"[^>]*aria-invalid', answer.text)
    told = "http://app.example.test/ can't be used: it must be https. For local work use http://127.0.0.1"
    assert told in html.unescape(answer.text)
    assert answer.form("/apps/new").values["redirect_uris-0"] == [CALLBACK]


def test_a_row_can_be_added_without_a_script(at: SignedIn, alice: Person) -> None:
    browser = at(alice)
    form = browser.open("/apps/new?kind=web").form("/apps/new")
    answer = browser.submit(form, **{"redirect_uris-0": CALLBACK, "add_row": "redirect_uris"})
    assert answer.status == 200
    assert "redirect_uris-1" in answer.form("/apps/new").names
    assert 'role="alert"' not in answer.text


def test_the_preview_shows_the_sentences_of_what_is_ticked(at: SignedIn, alice: Person) -> None:
    browser = at(alice)
    form = browser.open("/apps/new?kind=web").form("/apps/new")
    form.names.append("preview")
    answer = browser.submit(form, name="Acme", scopes=["workflows:write"], preview="1")
    shown = re.findall(r'<li id="preview-\d+">.*?<b>(.*?)</b>', answer.text, re.S)
    assert shown == ["Create and change your workflows"]


@pytest.mark.parametrize(
    "extra",
    [
        {"owner_id": "usr_x"},
        {"id": "mine"},
        {"client_id": "mine"},
        {"introspect_all": "1"},
        {"skip_consent": "1"},
        {"require_pkce": ""},
        {"resource_server_for": "https://api.example.test"},
        {"self_registered": "1"},
        {"public": "1"},
        {"tokens_not_before": "1"},
        {"metadata_extra": "{}"},
    ],
)
def test_fields_that_are_not_in_the_form_change_nothing(at: SignedIn, mallory: Person, extra: dict[str, str]) -> None:
    resources.create("https://api.example.test", "API")
    browser = at(mallory)
    form = browser.open("/apps/new?kind=web").form("/apps/new")
    form.names += list(extra)
    assert browser.submit(form, **{"name": "App", "redirect_uris-0": CALLBACK, **extra}).status == 200
    row = only_client()
    assert (row.owner_id, row.introspect_all, row.skip_consent, row.require_pkce) == (mallory.id, False, False, None)
    assert (row.resource_server_for, row.public, row.tokens_not_before, row.self_registered) == ([], False, 0, False)
    assert row.id != "mine"


@pytest.mark.parametrize("scope", ["admin", "introspect"])
def test_scopes_of_administrators_cannot_be_ticked_by_owners(at: SignedIn, mallory: Person, scope: str) -> None:
    browser = at(mallory)
    assert register(browser, scopes=[scope]).status == 422
    assert "You have" not in browser.open("/apps").text
    assert "Register your first app" in browser.open("/apps").text


@pytest.mark.parametrize("kind", ["web", "spa", "native", "machine"])
def test_what_a_program_leaves_out_of_the_form_is_empty_and_no_fault(
    http: FlaskClient, alice: Person, kind: str
) -> None:
    authorizing.sign_in(http, alice)
    once = forms.form_on(http.get(f"/apps/new?kind={kind}").get_data(as_text=True), "/apps/new").values["once"]
    least = {"csrf_token": forms.token(http, "apps_registering.register"), "once": once, "kind": kind, "name": "Least"}
    answer = http.post("/apps/new", data={**least, "redirect_uris-0": CALLBACK})
    assert answer.status_code in (200, 422)
    with database.reading() as session:
        made = session.scalars(select(Client).where(Client.owner_id == alice.id)).all()
    assert [(row.name, row.description) for row in made] in ([], [("Least", "")])


def test_an_owner_is_not_offered_to_register_an_api(at: SignedIn, mallory: Person) -> None:
    browser = at(mallory)
    assert "kind=resource_server" not in browser.open("/apps/new").text
    form = browser.open("/apps/new?kind=web").form("/apps/new")
    assert browser.submit(form, name="API", kind="resource_server").status == 422


def test_where_people_sat_when_they_allowed_an_app_is_not_told_to_its_owner(
    at: SignedIn, alice: Person, bob: Person, ada: Person
) -> None:
    client = make(alice)
    with context.using(context.Context(ip="198.51.100.77", actor=f"user:{bob.id}")), database.transaction() as session:
        audit.record(
            session, "consent.granted", target=f"client:{client.id}", owner_id=bob.id, client_id=client.id, scopes=[]
        )
    path = f"/apps/{client.id}/activity"
    page = at(alice).get(path).text
    assert "Somebody allowed it" in page and "198.51.100.77" not in page
    assert "198.51.100.77" in at(ada).get(path).text


def test_from_where_an_administrator_changed_an_app_is_not_told_to_its_owner(
    at: SignedIn, alice: Person, ada: Person
) -> None:
    client = make(alice)
    with context.using(context.Context(ip="198.51.100.78", actor=f"user:{ada.id}")):
        endings.disable(ada.user, client.id)
    path = f"/apps/{client.id}/activity"
    page = at(alice).get(path).text
    assert "Disabled" in page and "198.51.100.78" not in page
    assert "198.51.100.78" in at(ada).get(path).text


GET_PAGES = (
    "", "/edit", "/scopes", "/activity", "/credentials", "/secrets/rotate", "/secrets/{secret}/revoke", "/quickstart",
    "/danger", "/disable", "/revoke-tokens", "/delete",
)  # fmt: skip


@rows("page", GET_PAGES)
def test_an_owner_sees_each_page_of_an_app_and_a_stranger_finds_nothing(
    at: SignedIn, alice: Person, mallory: Person, page: str
) -> None:
    client = make(alice)
    (secret,) = client_secrets.active(client.id)
    path = f"/apps/{client.id}" + page.format(secret=secret.id)
    mine = at(alice).get(path)
    assert mine.status == 200
    assert "Acme Notes" in mine.text
    hers = at(mallory)
    assert (hers.get(path).status, hers.get(path.replace(client.id, "cl_unknown")).status) == (404, 404)
    assert "Acme Notes" not in hers.get(path).text


@rows(
    ("path", "endpoint"),
    [
        ("/edit", "apps_editing.save"),
        ("/scopes", "apps_editing.save_scopes"),
        ("/secrets/rotate", "apps_credentials.rotate"),
        ("/secrets/cs_x/revoke", "apps_credentials.revoke"),
        ("/disable", "apps_danger.disable"),
        ("/enable", "apps_danger.enable"),
        ("/revoke-tokens", "apps_danger.revoke_tokens"),
        ("/delete", "apps_danger.delete"),
        ("/restore", "apps_danger.restore"),
        ("/transfer/offer", "apps_transfer.offer"),
        ("/transfer/withdraw", "apps_transfer.withdraw"),
        ("/transfer", "apps_transfer.answer"),
    ],
)
def test_a_stranger_with_a_valid_form_token_changes_nothing(
    app: Flask, at: SignedIn, alice: Person, mallory: Person, path: str, endpoint: str
) -> None:
    client = make(alice)
    browser = at(mallory)
    own = make(mallory)
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(f"/apps/{own.id}/edit").text)
    with app.test_request_context(headers={"Cookie": "; ".join(f"{k}={v}" for k, v in browser.wire.cookies().items())}):
        from authserver.edge import csrf, one_shot

        fields = {
            "csrf_token": csrf.token(endpoint), "once": one_shot.make(), "overlap": "now", "name": "Mine now",
            "confirm_name": client.name, "email": mallory.email, "version": "1", "redirect_uris-0": CALLBACK,
        }  # fmt: skip
    assert token is not None
    answer = browser.send("POST", f"/apps/{client.id}{path}", fields)
    assert answer.status == 404
    after = clients.get(client.id)
    assert (after.name, after.owner_id, after.enabled, after.version) == ("Acme Notes", alice.id, True, 1)
    assert len(after.secrets) == 1


def test_nobody_gets_there_without_signing_in(app: Flask, browser: Callable[[], FlaskClient], alice: Person) -> None:
    client = make(alice)
    for path in ("/apps", "/apps/new", f"/apps/{client.id}", "/admin/clients", "/admin/scopes"):
        answer = browser().get(path)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/login?")


@pytest.mark.parametrize("path", ["/admin/clients", "/admin/scopes", "/admin/scopes/new", "/admin/resources/new"])
def test_pages_of_administrators_are_not_there_for_others(
    at: SignedIn, mallory: Person, ada: Person, path: str
) -> None:
    assert at(mallory).get(path).status == 404
    assert at(ada).get(path).status == 200


def test_an_administrator_sees_every_app_with_its_owner(at: SignedIn, alice: Person, ada: Person) -> None:
    client = make(alice)
    browser = at(ada)
    assert "alice@example.test" in browser.get("/admin/clients").text
    assert browser.get(f"/apps/{client.id}").status == 200
    assert "Acme Notes" not in browser.get("/apps").text


@pytest.mark.parametrize("id", ["cl_unknown", "..", "%00", "a" * 300, "cl_%F0%9F%94%91", "<script>"])
def test_a_bad_id_is_an_ordinary_404(at: SignedIn, alice: Person, id: str) -> None:
    browser = at(alice)
    assert browser.get(f"/apps/{id}/credentials").status == 404


@pytest.mark.parametrize(
    "query", ["page=0", "page=-5", "page=x", "limit=100000", "status=nonsense", "kind='", "q=%25%00"]
)
def test_any_query_string_is_answered(at: SignedIn, alice: Person, query: str) -> None:
    make(alice)
    assert at(alice).get(f"/apps?{query}").status in (200, 400)


def test_an_edit_is_saved_and_an_older_form_is_told_so(at: SignedIn, alice: Person) -> None:
    client = make(alice)
    browser = at(alice)
    first, second = (browser.open(f"/apps/{client.id}/edit").form("/edit") for _ in range(2))
    assert browser.submit(first, name="First").status == 303
    refused = browser.submit(second, name="Second")
    assert refused.status == 409
    assert "Somebody else changed this app" in refused.text
    assert clients.get(client.id).name == "First"


def test_an_owner_says_what_protects_a_sign_in_and_what_id_tokens_tell(at: SignedIn, alice: Person) -> None:
    browser = at(alice)
    page = browser.open("/apps/new?kind=web")
    assert "My software can send neither" in page.text and "slipped into somebody else" in page.text
    answer = browser.submit(
        page.form("/apps/new"), **{"name": "A", "redirect_uris-0": CALLBACK, "require_pkce": "neither"}
    )
    assert answer.status == 200
    row = only_client()
    assert (row.require_pkce, row.id_token_claims) == (False, True)
    assert "A sign-in needs neither PKCE nor a nonce" in browser.open(f"/apps/{row.id}").text
    path = f"/apps/{row.id}/edit"
    for said, kept in (("always", True), ("", None), ("neither", False)):
        assert browser.submit(browser.open(path).form(path), require_pkce=said).status == 303
        assert only_client().require_pkce is kept
    assert browser.submit(browser.open(path).form(path), require_pkce="sometimes").status == 422
    # What a form shows is what it keeps: a save without a change changes nothing.
    assert browser.submit(browser.open(path).form(path)).status == 303
    assert (only_client().require_pkce, only_client().id_token_claims) == (False, True)
    for kind in ("spa", "native", "machine"):
        assert "My software can send neither" not in browser.open(f"/apps/new?kind={kind}").text


def test_an_owner_marks_what_the_app_cannot_work_without(at: SignedIn, alice: Person) -> None:
    client, browser = make(alice, scopes=("openid", "profile", "email")), at(alice)
    path = f"/apps/{client.id}/scopes"
    assert browser.submit(browser.open(path).form(path), required_scopes=["email"]).status == 303
    assert only_client().required_scopes == ["email"]
    both = browser.submit(browser.open(path).form(path), optional_scopes=["email"], required_scopes=["email"])
    assert both.status == 422 and "cannot leave out what the app requires" in both.text


def test_an_edit_keeps_what_its_form_does_not_show(at: SignedIn, alice: Person) -> None:
    client = make(
        alice, scopes=("openid", "introspect"), rate_limit="5/hour", metadata_extra={"vendor_note": "x"},
        post_logout_redirect_uris=("https://app.example.test/bye",),
    )  # fmt: skip
    browser = at(alice)
    assert browser.submit(browser.open(f"/apps/{client.id}/edit").form("/edit"), name="Renamed").status == 303
    after = clients.get(client.id)
    assert (after.name, after.rate_limit, after.scopes) == ("Renamed", "5/hour", ("openid", "introspect"))
    assert after.metadata_extra == {"vendor_note": "x"}
    assert after.post_logout_redirect_uris == ("https://app.example.test/bye",)


def test_a_device_is_registered_by_its_name_alone(at: SignedIn, alice: Person) -> None:
    """RFC 8628: it has no browser that could come back, and keeps no secret."""
    browser = at(alice)
    assert "Device without a browser" in browser.open("/apps/new").text
    answer = register(browser, "device", name="Television")
    assert answer.status == 200 and "compares the code that it shows" in answer.text
    made = only_client()
    assert (made.kind, made.public, made.application_type, made.redirect_uris) == ("device", True, "native", [])
    assert set(made.grant_types) == {DEVICE, "refresh_token"}
    page = browser.open(f"/apps/{made.id}").text
    assert "Device without a browser" in page and "with PKCE" not in page


def test_a_device_signs_people_in_by_a_browser_too_once_it_has_somewhere_to_come_back_to(
    at: SignedIn, alice: Person
) -> None:
    client, browser = make(alice, kind="device", redirect_uris=()), at(alice)
    path = f"/apps/{client.id}/edit"
    grants = ["authorization_code", DEVICE, "refresh_token"]
    refused = browser.submit(browser.open(path).form(path), grant_types=grants)
    assert refused.status == 422 and "at least one redirect URI" in refused.text
    form = browser.open(path).form(path)
    assert browser.submit(form, grant_types=grants, **{"redirect_uris-0": "http://127.0.0.1/cb"}).status == 303
    assert only_client().redirect_uris == ["http://127.0.0.1/cb"]


def test_where_devices_are_switched_off_there_is_no_card_for_them(at: SignedIn, alice: Person) -> None:
    browser = at(alice)
    with config.using(dataclasses.replace(config.current(), device="off")):
        for path in ("/apps/new", "/apps/new?kind=device"):
            assert "Device without a browser" not in browser.open(path).text


def test_what_a_request_without_scope_gets_is_ticked_and_none_means_all(at: SignedIn, alice: Person) -> None:
    client, browser = make(alice, scopes=("openid", "profile", "email")), at(alice)
    path = f"/apps/{client.id}/scopes"
    assert browser.submit(browser.open(path).form(path), default_scopes=["openid"]).status == 303
    assert only_client().default_scopes == ["openid"]
    assert browser.submit(browser.open(path).form(path), scopes=["profile", "email"]).status == 303
    assert only_client().default_scopes == ["profile", "email"]


def test_members_of_openid_connect_are_written_on_the_page(at: SignedIn, alice: Person) -> None:
    client, browser = make(alice), at(alice)
    path = f"/apps/{client.id}/edit"
    form = browser.open(path).form(path)
    written = {
        "default_max_age": "0", "default_acr_values": ["aal1"], "response_modes": ["form_post"],
        "initiate_login_uri": "https://app.example.test/login", "backchannel_logout_session_required": "y",
        "frontchannel_logout_session_required": "y",
    }  # fmt: skip
    assert browser.submit(form, **written).status == 303
    after = only_client()
    assert (after.default_max_age, after.default_acr_values, after.response_modes) == (0, ["aal1"], ["form_post"])
    assert after.backchannel_logout_session_required and after.frontchannel_logout_session_required
    link = "https://app.example.test/login?iss=http%3A%2F%2Flocalhost%3A8000"
    assert f'href="{link}"' in browser.open(f"/apps/{client.id}").text
    assert browser.submit(browser.open(path).form(path), name="Same").status == 303
    assert (only_client().default_max_age, only_client().response_modes) == (0, ["form_post"])


def test_scopes_have_a_page_of_their_own(at: SignedIn, alice: Person) -> None:
    client = make(alice)
    browser = at(alice)
    form = browser.open(f"/apps/{client.id}/scopes").form("/scopes")
    assert browser.submit(form, scopes=["openid", "email"]).status == 303
    form = browser.open(f"/apps/{client.id}/scopes").form("/scopes")
    assert browser.submit(form, optional_scopes=["email"]).status == 303
    after = clients.get(client.id)
    assert (set(after.scopes), after.optional_scopes, after.name) == ({"openid", "email"}, ("email",), "Acme Notes")


def test_a_scope_that_is_taken_away_is_no_longer_optional_either(at: SignedIn, alice: Person) -> None:
    client = make(alice, scopes=("openid", "email"), optional_scopes=("email",))
    browser = at(alice)
    form = browser.open(f"/apps/{client.id}/scopes").form("/scopes")
    assert browser.submit(form, scopes=["openid"]).status == 303
    assert clients.get(client.id).optional_scopes == ()


def test_a_rotation_shows_the_new_secret_once_and_says_how_long_the_old_one_works(at: SignedIn, alice: Person) -> None:
    client = make(alice)
    browser = at(alice)
    form = browser.open(f"/apps/{client.id}/secrets/rotate").form("/rotate")
    answer = browser.submit(form)
    assert SECRET.search(answer.text)
    assert "Both secrets work until" in answer.text
    assert answer.header("Cache-Control") == "no-store"
    again = browser.submit(form, force="1") if "force" in form.names else browser.submit(form)
    assert again.status == 409
    assert not SECRET.search(again.text)
    credentials = browser.open(f"/apps/{client.id}/credentials").text
    assert "Two secrets work." in credentials
    assert not SECRET.search(credentials)


def test_a_second_rotation_wants_force_and_the_old_secret_can_be_ended(at: SignedIn, alice: Person) -> None:
    client = make(alice)
    client_secrets.rotate(alice.user, client.id, 3_600)
    browser = at(alice)
    page = browser.open(f"/apps/{client.id}/secrets/rotate")
    assert browser.submit(page.form("/rotate")).status == 409
    _new, old = client_secrets.active(client.id)
    path = f"/apps/{client.id}/secrets/{old.id}/revoke"
    assert browser.submit(browser.open(path).form("/revoke")).status == 303
    assert [row.id for row in client_secrets.active(client.id)] == [_new.id]
    last = browser.open(f"/apps/{client.id}/secrets/{_new.id}/revoke")
    assert "last secret" in last.text


def test_an_app_is_disabled_and_enabled_from_the_danger_zone(at: SignedIn, alice: Person) -> None:
    client = make(alice)
    browser = at(alice)
    browser.submit(browser.open(f"/apps/{client.id}/disable").form("/disable"))
    assert not clients.get(client.id).enabled
    page = browser.open(f"/apps/{client.id}/danger")
    assert "This app is disabled." in page.text
    browser.submit(page.form("/enable"))
    assert clients.get(client.id).enabled


def test_deleting_wants_the_name_and_can_be_undone(at: SignedIn, alice: Person) -> None:
    client = make(alice)
    browser = at(alice)
    page = browser.open(f"/apps/{client.id}/delete")
    assert browser.submit(page.form("/delete"), confirm_name="acme").status == 422
    assert clients.find(client.id).enabled  # type: ignore[union-attr]
    answer = browser.follow(browser.submit(page.form("/delete"), confirm_name="Acme Notes"))
    assert "restored for seven days" in answer.text
    assert browser.get(f"/apps/{client.id}").status == 404
    browser.submit(answer.form("/restore"))
    assert browser.get(f"/apps/{client.id}").status == 200


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("works", "People sign in to it again."),
        ("disabled", "still disabled, as it was"),
        ("by admin", "only an admin"),
    ],
)
def test_an_app_that_is_brought_back_is_described_as_it_is(at: SignedIn, alice: Person, before: str, said: str) -> None:
    client = make(alice)
    if before == "disabled":
        endings.disable(alice.user, client.id)
    endings.remove(None if before == "by admin" else alice.user, client.id)
    browser = at(alice)
    answer = browser.follow(browser.submit(browser.open("/apps?status=deleted").form("/restore")))
    assert said in answer.text
    assert clients.get(client.id).enabled is (before == "works")


def test_an_app_that_is_enabled_while_its_owner_is_not_says_so(at: SignedIn, ada: Person, alice: Person) -> None:
    client = make(alice)
    endings.disable(alice.user, client.id)
    users.disable(alice.id)
    browser = at(ada)
    answer = browser.follow(browser.submit(browser.open(f"/apps/{client.id}/danger").form("/enable")))
    assert "while its owner&#39;s account is disabled" in answer.text


def test_the_question_before_disabling_begins_with_what_it_does(at: SignedIn, alice: Person) -> None:
    client = make(alice)
    page = at(alice).open(f"/apps/{client.id}/disable").text
    assert page.index("refused within a second. You can undo it.") < page.index("Nobody is signed in")


def test_an_app_is_offered_and_accepted_before_it_changes_hands(
    at: SignedIn, alice: Person, bob: Person, mallory: Person
) -> None:
    client = make(alice)
    hers, his = at(alice), at(bob)
    page = hers.open(f"/apps/{client.id}/danger")
    refused = hers.submit(page.form("/transfer/offer"), email="nobody@example.test")
    assert refused.status == 422
    assert '<a href="#email">Nobody here has this email.</a>' in refused.text and 'id="email"' in refused.text
    assert hers.submit(page.form("/transfer/offer"), email=bob.email).status == 303
    assert f"Offered to {bob.email}" in hers.open(f"/apps/{client.id}/danger").text
    assert clients.get(client.id).owner_id == alice.id
    assert f"/apps/{client.id}/transfer" in his.open("/apps").text
    assert at(mallory).get(f"/apps/{client.id}/transfer").status == 404
    offered = his.open(f"/apps/{client.id}/transfer")
    assert alice.email in offered.text and CALLBACK in offered.text
    row = clients.stored(client.id)
    assert row is not None
    clients.revise(alice.user, client.id, dataclasses.replace(clients.registration_of(row), description="Other"))
    stale = his.submit(offered.form("/transfer"), former_credentials="end", action="accept")
    assert stale.status == 409 and "changed while you were reading" in stale.text
    taken = his.submit(stale.form("/transfer"), former_credentials="end", action="accept")
    assert taken.status == 200 and "Shown once" in taken.text
    assert clients.get(client.id).owner_id == bob.id


@pytest.mark.parametrize("overrides", [{"smtp_url": "smtp://127.0.0.1:9", "mail_from": "auth@example.test"}])
def test_offers_are_counted_whether_there_is_such_a_person_or_not(at: SignedIn, mallory: Person, bob: Person) -> None:
    """Else anybody learns who has an account, and fills a mailbox."""
    client, browser = make(mallory), at(mallory)
    form = browser.open(f"/apps/{client.id}/danger").form("/transfer/offer")
    told = [
        browser.submit(form, email=bob.email if number % 2 else f"n{number}@example.test").status
        for number in range(throttle.OFFERS_PER_PERSON)
    ]
    assert told == [422, 303] * (throttle.OFFERS_PER_PERSON // 2)
    for email in (bob.email, "nobody@example.test"):
        refused = browser.submit(form, email=email)
        assert (refused.status, "Too many attempts" in refused.text) == (429, True)
        assert int(refused.header("Retry-After")) > 0
    with database.reading() as session:
        assert len(session.scalars(select(Mail)).all()) == throttle.OFFERS_PER_PERSON // 2


def test_an_administrator_offers_as_many_as_there_are(at: SignedIn, ada: Person, bob: Person) -> None:
    client, browser = make(ada), at(ada)
    form = browser.open(f"/apps/{client.id}/danger").form("/transfer/offer")
    told = {browser.submit(form, email=bob.email).status for _ in range(throttle.OFFERS_PER_PERSON + 2)}
    assert told == {303}


def test_an_offer_is_declined_with_one_button(at: SignedIn, alice: Person, bob: Person) -> None:
    client = make(alice)
    hers, his = at(alice), at(bob)
    hers.submit(hers.open(f"/apps/{client.id}/danger").form("/transfer/offer"), email=bob.email)
    his.submit(his.open(f"/apps/{client.id}/transfer").form("/transfer"), action="decline")
    assert his.get(f"/apps/{client.id}/transfer").status == 404
    assert clients.get(client.id).owner_id == alice.id


def test_a_pasted_document_registers_an_app(at: SignedIn, alice: Person) -> None:
    browser = at(alice)
    page = browser.open("/apps/import")
    refused = browser.submit(page.form("/apps/import"), metadata="{")
    assert refused.status == 422
    assert "not JSON" in refused.text
    document = '{"client_name": "Pasted", "redirect_uris": ["https://app.example.test/cb"], "vendor_note": "x"}'
    assert SECRET.search(browser.submit(page.form("/apps/import"), metadata=document).text)
    assert only_client().metadata_extra == {"vendor_note": "x"}


def test_a_key_of_a_set_that_is_not_kept_is_named_on_the_page(at: SignedIn, alice: Person) -> None:
    browser, good = at(alice), own_jwts.public(own_jwts.pair())
    keys = {"keys": [{"kty": "new"}, good]}
    document = {"client_name": "Pasted", "redirect_uris": ["https://app.example.test/cb"], "jwks": keys}
    form = browser.open("/apps/import").form("/apps/import")
    assert "Key 1 is ignored." in browser.submit(form, metadata=json.dumps(document)).text
    path = f"/apps/{only_client().id}/edit"
    browser.submit(browser.open(path).form(path), jwks=json.dumps(keys))
    assert "Key 1 is ignored." in browser.open("/apps").text
    assert only_client().jwks == {"keys": [good]}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_on_every_page(at: SignedIn, mallory: Person, ada: Person, name: str) -> None:
    answer = register(at(mallory), name=name, description=name)
    assert answer.status == 200
    client = only_client()
    assert client.name == name
    browser = at(ada)
    for page in ("/admin/clients", *(f"/apps/{client.id}{page}" for page in GET_PAGES if "{" not in page)):
        text = browser.get(page).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<svg onload" not in text
        assert ">49<" not in text


def test_a_snippet_cannot_be_made_to_run_what_an_owner_wrote(at: SignedIn, mallory: Person) -> None:
    uri = "https://app.example.test/'$(touch+x)'"
    client = make(mallory, redirect_uris=(uri,))
    from authserver.dashboard.apps import quickstart as apps_quickstart

    browser = at(mallory)
    assert browser.get(f"/apps/{client.id}/quickstart").status == 200
    with browser.wire.client.application.test_request_context():  # type: ignore[attr-defined]
        for snippet in apps_quickstart.snippets(client):
            if snippet.file.endswith(".sh"):
                assert "'https://app.example.test/'\"'\"'$(touch+x)'\"'\"''" in snippet.text
            else:
                assert f'"{uri}"' in snippet.text


def test_quickstarts_hold_the_real_values_and_no_secret(at: SignedIn, alice: Person) -> None:
    client = make(alice, grant_types=("authorization_code", "refresh_token", "client_credentials"))
    text = at(alice).get(f"/apps/{client.id}/quickstart").text
    for needed in (client.id, ISSUER, CALLBACK, "CLIENT_SECRET", "oauth4webapi", "authlib", "requests_oauthlib"):
        assert needed in text
    assert not SECRET.search(text)


def test_choices_that_a_program_leaves_out_are_the_default(at: SignedIn, alice: Person) -> None:
    browser = at(alice)
    form = browser.open("/apps/new?kind=web").form("/apps/new")
    left_out = dict.fromkeys(
        (
            "token_endpoint_auth_method",
            "auth_signing_alg",
            "access_token_format",
            "id_token_alg",
            "userinfo_alg",
            "introspection_alg",
            "subject_type",
            "request_object_alg",
        )
    )
    answer = browser.submit(form, **{"name": "Acme Notes", "redirect_uris-0": CALLBACK}, **left_out)
    assert SECRET.search(answer.text)
    assert only_client().access_token_format == "jwt"


def test_an_app_that_signs_is_told_that_it_has_no_secret(at: SignedIn, alice: Person) -> None:
    browser = at(alice)
    keys = json.dumps(own_jwts.key_set(own_jwts.pair()))
    made = register(browser, "machine", token_endpoint_auth_method="private_key_jwt", jwks=keys)
    assert made.status == 200 and "signs with its own key" in made.text and not SECRET.search(made.text)
    client = only_client()
    page = browser.open(f"/apps/{client.id}/credentials").text
    assert "No secret" in page and "Rotate secret" not in page


def test_an_app_that_signs_needs_a_key_for_it(at: SignedIn, alice: Person) -> None:
    made = register(at(alice), "machine", token_endpoint_auth_method="private_key_jwt")
    assert made.status == 422 and "it needs the public keys of the app" in made.text


def test_an_app_that_signs_says_with_which_algorithm(at: SignedIn, alice: Person) -> None:
    keys = json.dumps(own_jwts.key_set(own_jwts.pair()))
    wanted = {"token_endpoint_auth_method": "private_key_jwt", "jwks": keys}
    refused = register(at(alice), "machine", **wanted, auth_signing_alg="RS256")
    assert refused.status == 422 and "No key of the app signs with RS256." in refused.text
    register(at(alice), "machine", **wanted, auth_signing_alg="ES256")
    assert only_client().auth_signing_alg == "ES256"
