"""What can be taken back is done at once, with a button that undoes it; what cannot asks first."""

from __future__ import annotations

import re
from pathlib import Path

from flask.testing import FlaskClient

from authserver.domain.clients import blocked_apps, clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import wishes as webhook_wishes
from authserver.models import Client
from tests.conftest import Person
from tests.support import forms

DASHBOARD = Path(__file__).parents[2] / "templates" / "dashboard"
# Each question, and what would be lost without it: a new one is reversible, or has a line here.
ASKS = {
    "admin/gateway_routes/delete": "its rules",
    "admin/resources/delete": "what it was allowed",
    "admin/scopes/delete": "who had it",
    "admin/signing_keys/retire": "what the key signed",
    "admin/signing_keys/rotate": "the key in use",
    "admin/users/ask_disable": "sessions, and what apps were given",
    "admin/users/ask_link": "links of before",
    "admin/users/delete": "sessions, keys, tokens, apps",
    "api_keys/already_shown": "nothing was done",
    "api_keys/revoke": "the key",
    "api_keys/rotate": "the key of before",
    "apps/already_shown": "nothing was done",
    "apps/delete": "tokens and secrets",
    "apps/disable": "what it made, if an administrator ends that, too",
    "apps/revoke_secret": "the secret",
    "apps/revoke_tokens": "tokens",
    "apps/rotate": "the secret of before",
    "apps/transfer": "secrets of before",
    "connected_apps/change": "what is taken back",
    "connected_apps/left": "what apps made",
    "connected_apps/revoke": "tokens",
    "connected_apps/revoke_all": "tokens",
    "webhooks/already_shown": "nothing was done",
    "webhooks/delete": "its secret and history",
    "webhooks/roll": "the secret of before",
}


def app_of(person: Person) -> Client:
    facts = Registration(kind="web", name="Example", redirect_uris=("https://example.test/callback",))
    return clients.register(person.user, facts)[0]


def undo(http: FlaskClient, page: str, action: str) -> str:
    """Press the Undo of the page that an act led to; what is said then."""
    assert "Undo</button>" in page
    form = forms.form_on(page[page.index('class="flashes"') :], action)
    answer = forms.post(http, form)
    return http.get(answer.location).get_data(as_text=True)


def test_every_question_names_what_would_be_lost() -> None:
    asking = {
        str(each.relative_to(DASHBOARD).with_suffix(""))
        for each in DASHBOARD.rglob("*.html")
        if re.search(r"ui\.confirm\(|class=\"[^\"]*\bconfirm\b", each.read_text(encoding="utf-8"))
    }
    assert asking == set(ASKS)


def test_an_app_is_disabled_at_once_and_enabled_again_with_undo(http: FlaskClient, alice: Person) -> None:
    client = app_of(alice)
    forms.sign_in(http, alice.email, alice.password)
    answer = forms.submit(http, f"/apps/{client.id}/danger", f"/apps/{client.id}/disable")
    assert clients.get(client.id).disabled_at is not None
    said = http.get(answer.location).get_data(as_text=True)
    assert "Example is disabled." in said
    assert "Example works again." in undo(http, said, f"/apps/{client.id}/enable")
    assert clients.get(client.id).disabled_at is None


def test_what_an_administrator_ends_along_with_it_has_no_undo(http: FlaskClient, alice: Person, ada: Person) -> None:
    client = app_of(alice)
    forms.sign_in(http, ada.email, ada.password)
    client_page = f"/apps/{client.id}"
    forms.submit(http, f"{client_page}/danger", f"{client_page}/disable")
    page = http.get(f"{client_page}/danger").get_data(as_text=True)
    forms.post(http, forms.form_on(page, f"{client_page}/enable"))
    forms.submit(http, f"{client_page}/disable", end_made="1")
    assert clients.get(client.id).disabled_at is not None


def test_what_was_disabled_before_has_no_undo(http: FlaskClient, alice: Person) -> None:
    """A second button in another tab would enable what somebody meant to be off."""
    client = app_of(alice)
    forms.sign_in(http, alice.email, alice.password)
    form = forms.form_on(http.get(f"/apps/{client.id}/danger").get_data(as_text=True), f"/apps/{client.id}/disable")
    forms.post(http, form)
    http.get("/apps")
    answer = forms.post(http, form)
    assert "Undo</button>" not in http.get(answer.location).get_data(as_text=True)


def test_a_paused_webhook_goes_on_with_undo(http: FlaskClient, alice: Person) -> None:
    row, _ = webhook_endpoints.create(alice.user, webhook_wishes.Wish("Hooks", "https://hooks.example.test/in"))
    forms.sign_in(http, alice.email, alice.password)
    path = f"/webhooks/{row.id}/switch"
    said = http.get(forms.submit(http, f"/webhooks/{row.id}", path).location).get_data(as_text=True)
    assert "Hooks is paused." in said
    assert "Switched on." in undo(http, said, path)
    assert webhook_endpoints.get(alice.id, row.id).stopped_at is None


def test_a_block_that_was_taken_back_stands_again_with_undo(http: FlaskClient, ada: Person) -> None:
    blocked_apps.block("evil.example")
    forms.sign_in(http, ada.email, ada.password)
    answer = forms.submit(http, "/admin/blocked-apps", "/admin/blocked-apps/unblock")
    assert not blocked_apps.all()
    undo(http, http.get(answer.location).get_data(as_text=True), "/admin/blocked-apps/block")
    assert [(each.kind, each.value) for each in blocked_apps.all()] == [("host", "evil.example")]


def test_an_undo_without_the_token_of_its_form_does_nothing(http: FlaskClient, alice: Person) -> None:
    client = app_of(alice)
    forms.sign_in(http, alice.email, alice.password)
    forms.submit(http, f"/apps/{client.id}/danger", f"/apps/{client.id}/disable")
    assert http.post(f"/apps/{client.id}/enable").status_code == 400
    assert clients.get(client.id).disabled_at is not None
