"""Sensitive forms whose proof is old: whatever else a request carries, the password comes first (ASVS 7.5.3)."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.datastructures import FileStorage

from authserver import database
from authserver.domain.access import permissions
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.people.credentials import passwords
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.wishes import Wish
from authserver.lib import clock
from authserver.models import ApiKey, Client, SignInSession, WebhookEndpoint
from tests.conftest import Person
from tests.support import forms

PLAIN_HOOK = Wish("Plain", "https://a.example/in")
MACHINE = ("/apps/new", {"kind": "machine", "name": "Job"}, Client)
WEB_THAT_ACTS = ("/apps/new", {"kind": "web", "name": "Job", "grant_types": "client_credentials"}, Client)
KEYS = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}  # fmt: skip
WITH_KEYS = (
    "/apps/new", {"kind": "web", "name": "Job", "redirect_uris-0": "https://a.example/cb", "jwks": json.dumps(KEYS)},
    Client,
)  # fmt: skip
WITH_ADDRESS_OF_KEYS = (
    "/apps/new",
    {"kind": "spa", "name": "Job", "redirect_uris-0": "https://a.example/cb", "jwks_uri": "https://a.example/jwks"},
    Client,
)  # fmt: skip
FULL_KEY = ("/settings/api-keys/new", {"name": "CI", "permission": "full_access", "expires": "7d"}, ApiKey)
LONG_KEY = ("/settings/api-keys/new", {"name": "CI", "permission": "read_only", "expires": "1y"}, ApiKey)
EARS = (
    "/webhooks/new", {"name": "Ears", "url": "https://a.example", "which": "all", "everybody": "y"}, WebhookEndpoint
)  # fmt: skip
SENSITIVE = {
    "machine": MACHINE, "web": WEB_THAT_ACTS, "keys": WITH_KEYS, "address of keys": WITH_ADDRESS_OF_KEYS,
    "full key": FULL_KEY, "long key": LONG_KEY, "webhook": EARS,
}  # fmt: skip
ENDPOINTS = {
    "/apps/new": "apps_registering.register", "/settings/api-keys/new": "api_keys_new.create",
    "/webhooks/new": "webhooks_form.create",
}  # fmt: skip
# What an address or a second part may say beside the form, for whoever reads the wrong one of them.
BESIDE = ({}, {"kind": "web"}, {"permission": "read_only", "expires": "7d"}, {"everybody": ""}, {"add_row": "x"})


def proof_grows_old() -> None:
    with database.transaction() as session:
        session.execute(update(SignInSession).values(auth_time=clock.now() - 301))


def made(model: Any) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def page(http: FlaskClient, path: str) -> dict[str, str]:
    """The form of a page, while the proof is fresh."""
    query = "?kind=machine" if path == "/apps/new" else ""
    return forms.form_on(http.get(path + query).get_data(as_text=True), path).values


@pytest.mark.parametrize("name", SENSITIVE)
def test_no_address_beside_a_sensitive_form_unsays_what_it_asks_for(http: FlaskClient, ada: Person, name: str) -> None:
    path, fields, model = SENSITIVE[name]
    forms.sign_in(http, ada.email, ada.password)
    data = {**page(http, path), **fields}
    proof_grows_old()
    data["csrf_token"] = forms.token(http, ENDPOINTS[path])
    for beside in BESIDE:
        answer = http.post(path, query_string=beside, data=data)
        assert answer.status_code == 303 and answer.location.startswith("/login/confirm?next="), beside
    assert made(model) == 0


@pytest.mark.parametrize("name", SENSITIVE)
def test_no_part_of_a_form_is_a_file(http: FlaskClient, ada: Person, name: str) -> None:
    """A guard that reads texts would not see it, and the form would take it for a tick."""
    path, fields, model = SENSITIVE[name]
    forms.sign_in(http, ada.email, ada.password)
    data = {**page(http, path), **fields}
    proof_grows_old()
    for part in fields:
        token = {"csrf_token": forms.token(http, ENDPOINTS[path])}
        file = FileStorage(BytesIO(fields[part].encode()), filename="y", name=part)
        sent: dict[str, Any] = {**data, **token, part: file}
        assert http.post(path, data=sent, content_type="multipart/form-data").status_code == 415, part
    assert made(model) == 0


def test_a_limit_is_raised_after_a_fresh_proof_alone(http: FlaskClient, alice: Person) -> None:
    """A key with a low limit makes no key that has none (decision 14)."""
    key, _ = api_keys.create(alice.user, api_keys.Wish("CI", "full_access", rate_limit="10/hour"))
    forms.sign_in(http, alice.email, alice.password)
    proof_grows_old()
    path = f"/usage/keys/{key.id}"
    for limit in ("11/hour", "10/minute", ""):
        answer = forms.submit(http, path, rate_limit=limit)
        assert answer.status_code == 303 and answer.location.startswith("/login/confirm?next="), limit
    assert api_keys.get(alice.id, key.id).rate_limit == "10/hour"
    assert forms.submit(http, path, rate_limit="nonsense").status_code == 422
    assert forms.submit(http, path, rate_limit="9/hour").location == "/usage"
    assert api_keys.get(alice.id, key.id).rate_limit == "9/hour"


def test_the_limit_that_was_typed_is_there_after_the_proof(http: FlaskClient, alice: Person) -> None:
    key, _ = api_keys.create(alice.user, api_keys.Wish("CI", "read_only", rate_limit="10/hour"))
    forms.sign_in(http, alice.email, alice.password)
    proof_grows_old()
    answer = forms.submit(http, f"/usage/keys/{key.id}", rate_limit="500/hour")
    proven = forms.submit(http, answer.location, "/login/confirm", password=alice.password)
    assert 'value="500/hour"' in http.get(proven.location).get_data(as_text=True)


def test_the_proof_is_the_one_of_who_is_signed_in(http: FlaskClient, alice: Person, mallory: Person) -> None:
    """Another account's name in the form changes nothing, and its password proves nothing."""
    forms.sign_in(http, alice.email, alice.password)
    other = "seven green lanterns drift"
    passwords.change(mallory.user, mallory.password, other)
    proof_grows_old()
    asked = "/login/confirm?next=/settings/sessions"
    assert forms.submit(http, asked, "/login/confirm", email=mallory.email, password=other).status_code == 422
    assert http.get("/settings/sessions").status_code == 303
    proven = forms.submit(http, asked, "/login/confirm", email=mallory.email, password=alice.password)
    assert proven.location == "/settings/sessions"
    assert alice.email in http.get("/settings/sessions").get_data(as_text=True)


def test_a_webhooks_own_headers_are_shown_and_sent_elsewhere_after_a_fresh_proof_alone(
    http: FlaskClient, alice: Person
) -> None:
    """Receivers' secrets are in them: a browser that was left open tells none, and sends none to another address."""
    wish = Wish("Hook", "https://a.example/in", headers={"Authorization": "Bearer of the receiver"})
    secret, plain = (webhook_endpoints.create(alice.user, each)[0].id for each in (wish, PLAIN_HOOK))
    forms.sign_in(http, alice.email, alice.password)
    assert "of the receiver" in http.get(f"/webhooks/{secret}/edit").get_data(as_text=True)
    proof_grows_old()
    assert http.get(f"/webhooks/{plain}/edit").status_code == 200
    assert http.get(f"/webhooks/{secret}/edit").location.startswith("/login/confirm?next=")
    moved = {"name": "Hook", "url": "https://evil.example/in", "which": "all"}
    moved["csrf_token"] = forms.token(http, "webhooks_form.save")
    assert http.post(f"/webhooks/{secret}/edit", data=moved).location.startswith("/login/confirm?next=")
    assert webhook_endpoints.get(alice.id, secret).url == wish.url


@pytest.mark.parametrize("overrides", [{"playground": "on"}])
@pytest.mark.parametrize(
    ("level", "page", "path", "fields"),
    [
        ("read_write", "/settings/api-keys/new", "", {"name": "CI", "permission": "read_write", "expires": "7d"}),
        ("read_only", "", "/playground/keys", {}),
    ],
)
def test_a_key_is_strong_by_what_its_level_holds_whatever_that_is_called(
    http: FlaskClient, ada: Person, level: str, page: str, path: str, fields: dict[str, str]
) -> None:
    forms.sign_in(http, ada.email, ada.password)
    proof_grows_old()
    for above in permissions.all()[::-1]:
        if above.position >= permissions.get(level).position:
            permissions.change(above.name, {*above.scopes, "keys:manage", "settings:manage", "admin"})
    sent = {"csrf_token": forms.token(http, "playground.make_key")}
    answer = http.post(path, data=sent) if path else forms.submit(http, page, **fields)
    assert answer.status_code == 303 and answer.location.startswith("/login/confirm?next="), answer.text[:300]
    assert made(ApiKey) == 0
