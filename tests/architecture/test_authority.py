"""The table of who may change what, `docs/security/authority.toml`, against the server: route, verb, field."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from authserver import config, create_app, database
from authserver.domain.clients import clients
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.people import users
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.wishes import Wish
from authserver.lib import clock
from authserver.models import SignInSession
from tests.api.conftest import Caller, call, key_of  # noqa: F401  # `call` is a fixture
from tests.architecture import authority
from tests.conftest import Person
from tests.hostile import test_permissions as pages
from tests.support import forms, protocol

FILE = authority.ROOT / "docs/security/authority.toml"
TABLE: dict[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"playground": "on"}


@pytest.fixture
def whole(app: Flask) -> Iterator[Flask]:
    """The server with everything that a setting can switch on."""
    settings = dataclasses.replace(config.current(), smtp_url="smtp://127.0.0.1:9", mail_from="a@b.test", signup="on")
    with config.using(settings):
        yield create_app(settings)


def test_every_view_that_changes_something_has_a_line_with_its_proof(whole: Flask) -> None:
    said = {name: line["proof"] for name, line in TABLE["pages"].items()}
    assert said == authority.of_pages(whole)
    assert not [name for name, line in TABLE["pages"].items() if not line["proof"] and not line.get("why")]


def test_pages_are_for_those_that_the_walk_of_every_role_lets_in() -> None:
    said = {name: line["who"] for name, line in TABLE["pages"].items()}
    assert said == {name: pages.MATRIX[pages.row_of(name) or ""] for name in said}


def test_every_field_of_every_form_has_a_line() -> None:
    assert {file: set(fields) for file, fields in TABLE["page_fields"].items()} == authority.of_page_fields()


def test_every_operation_of_the_api_has_a_line_with_its_scopes_and_fields() -> None:
    said = {
        name: {"scopes": line["scopes"], "makes": line["makes"], "fields": set(line.get("fields", {}))}
        for name, line in TABLE["api"].items()
    }
    assert said == authority.of_api()


def test_every_option_of_every_command_has_a_line() -> None:
    assert {name: set(options) for name, options in TABLE["cli"].items()} == authority.of_cli()


# What a field of administrators would be set to.
VALUES: dict[str, Any] = {
    "skip_consent": True, "introspect_all": True, "resource_server_for": ["https://api.example.test"],
    "rate_limit": "5/minute", "everybody": True, "name": "Other", "role": "admin", "disabled": True,
    "email": "made@example.test", "algs": [],
}  # fmt: skip


def test_no_plain_person_writes_a_field_of_administrators(
    call: Caller,  # noqa: F811
    alice: Person,
    mallory: Person,
) -> None:
    key, wrong = key_of(mallory), []
    app = protocol.register(owner_id=mallory.id, scopes=["openid"])
    hook = webhook_endpoints.create(mallory.user, Wish("Hook", "https://hooks.example.test/in", everybody=False))[0]
    ids = {"clients": app.id, "webhooks": hook.id, "users": alice.id}
    for name, line in TABLE["api"].items():
        method, _, path = name.partition(" ")
        noun = path.split("/")[2]
        for field in (each for each, who in line.get("fields", {}).items() if who == "administrators"):
            body = {field: VALUES.get(field, "x")}
            if method == "POST" and noun == "clients":
                body |= {"client_name": "Made", "redirect_uris": ["https://made.example.test/cb"]}
            if method == "POST" and noun == "webhooks":
                body |= {"name": "Made", "url": "https://hooks.example.test/in"}
            if method == "POST" and noun == "users":
                body = {"email": "made@example.test"} | body
            answer = call(method, path.replace("{id}", ids.get(noun, "none")), key, body)
            if answer.status < 400:
                wrong.append(f"{name} {field}: {answer.status}")
    assert not wrong, "\n".join(wrong)
    row = clients.stored(app.id)
    assert row is not None and not (row.skip_consent or row.introspect_all or row.resource_server_for or row.rate_limit)
    assert users.get(alice.id).role == "user" and users.get(alice.id).name == alice.user.name


def test_nor_on_pages(http: Any, mallory: Person) -> None:
    fields = {each for each, who in TABLE["page_fields"]["dashboard/apps/form.py"].items() if who == "administrators"}
    app = protocol.register(owner_id=mallory.id, scopes=["openid"])
    forms.sign_in(http, mallory.email, mallory.password)
    page = f"/apps/{app.id}/edit"
    form = forms.form_on(http.get(page).get_data(as_text=True), page)
    assert not fields & set(form.values)
    forms.post(http, form, skip_consent="y", introspect_all="y", resource_server_for="https://a.test", rate_limit="5/s")
    row = clients.stored(app.id)
    assert row is not None
    wanted = client_metadata.complete(clients.registration_of(row))
    assert not (wanted.skip_consent or wanted.introspect_all or wanted.resource_server_for or wanted.rate_limit)


def test_an_old_proof_leads_to_the_page_that_asks_for_it_again(app: Flask, http: Any, ada: Person) -> None:
    """Of every view that always needs one: nothing is done before."""
    forms.sign_in(http, ada.email, ada.password)
    with database.transaction() as session:
        session.execute(update(SignInSession).values(auth_time=clock.now() - 301))
    wrong = []
    for rule in app.url_map.iter_rules():
        if TABLE["pages"].get(rule.endpoint, {}).get("proof") != "always":
            continue
        path = app.url_for(rule.endpoint, **dict.fromkeys(rule.arguments, "x"))
        for method in sorted(rule.methods & {"GET", "POST"}):
            answer = http.open(path, method=method, data={"csrf_token": forms.token(http, rule.endpoint)})
            if answer.status_code != 303 or not answer.location.startswith("/login/confirm?next="):
                wrong.append(f"{method} {path}: {answer.status_code} {answer.location}")
    assert not wrong, "\n".join(wrong)
