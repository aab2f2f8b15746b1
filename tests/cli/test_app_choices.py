"""What an app's owner may choose of sign-in: PKCE, ID tokens with names, required scopes; the same at every door."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from authserver import database
from authserver.domain.clients import clients
from authserver.domain.clients import metadata as client_metadata
from authserver.models import Client
from tests.api.conftest import Caller, call, key_of
from tests.cli.test_client import CALLBACK, Shell, shell
from tests.conftest import Person
from tests.support.tables import rows

__all__ = ["call", "shell"]  # fixtures

GOOD = {"client_name": "Choices", "redirect_uris": [CALLBACK], "scope": "openid profile email"}
CHOSEN = {"require_pkce": False, "id_token_claims": False, "required_scopes": "email"}
ANEW = {"require_pkce": True, "id_token_claims": True, "required_scopes": "profile email"}


@dataclass
class Door:
    """A way to make an app of a document and to change it; each answers the app, or what was said against it."""

    make: Callable[[dict[str, Any]], Client | str]
    change: Callable[[str, dict[str, Any]], Client | str]


def over_http(call: Caller, alice: Person) -> Door:
    key = key_of(alice)

    def send(method: str, path: str, document: dict[str, Any]) -> Client | str:
        answer = call(method, path, key, document)
        return stored(answer.data["client_id"]) if answer.status < 300 else json.dumps(answer.json["error"]["problems"])

    return Door(
        lambda document: send("POST", "/v1/clients", document),
        lambda client_id, document: send("PATCH", f"/v1/clients/{client_id}", document),
    )


def declared(shell: Shell, folder: Path) -> Door:
    def apply(client_id: str, document: dict[str, Any]) -> Client | str:
        file = folder / "declared.json"
        file.write_text(json.dumps({"clients": [{"client_id": client_id, **document}]}))
        return said(shell, client_id, "apply", str(file))

    return Door(
        lambda document: apply("choices", document),
        lambda client_id, document: apply(client_id, GOOD | document),
    )


def from_a_file(shell: Shell, folder: Path) -> Door:
    def create(document: dict[str, Any]) -> Client | str:
        file = folder / "app.json"
        file.write_text(json.dumps(document))
        return said(shell, "", "client", "create", "--from", str(file))

    return Door(create, lambda _, document: create(GOOD | document))


def said(shell: Shell, client_id: str, *words: str) -> Client | str:
    try:
        made = shell(*words)
    except AssertionError as refused:  # the exit code: what stands on stderr
        return str(refused)
    return stored(client_id or made["client_id"])


def stored(client_id: str) -> Client:
    found = clients.stored(client_id)
    assert found is not None
    return found


@pytest.fixture(params=["/v1/clients", "apply", "client create --from"])
def door(request: pytest.FixtureRequest, call: Caller, shell: Shell, alice: Person, tmp_path: Path) -> Door:
    if request.param == "/v1/clients":
        return over_http(call, alice)
    return (declared if request.param == "apply" else from_a_file)(shell, tmp_path)


def choices(found: Client | str) -> tuple[Any, ...]:
    assert isinstance(found, Client), found
    return found.require_pkce, found.id_token_claims, list(found.required_scopes)


def test_an_app_of_which_nothing_is_said_follows_the_setting_and_has_names_in_its_id_tokens(door: Door) -> None:
    assert choices(door.make(GOOD)) == (None, True, [])


def test_what_is_said_is_kept_and_can_be_said_anew(door: Door) -> None:
    made = door.make(GOOD | CHOSEN)
    assert choices(made) == (False, False, ["email"])
    assert isinstance(made, Client)
    assert choices(door.change(made.id, ANEW)) == (True, True, ["profile", "email"])


@rows(
    "document, member",
    [
        ({"token_endpoint_auth_method": "none", "require_pkce": False}, "require_pkce"),
        ({"application_type": "native", "redirect_uris": ["http://127.0.0.1/"], "require_pkce": False},
         "require_pkce"),
        ({"required_scopes": "workflows:read"}, "required_scopes"),
        ({"require_pkce": "no"}, "require_pkce"),
        ({"id_token_claims": 1}, "id_token_claims"),
        ({"required_scopes": ["email"]}, "required_scopes"),
    ],
)  # fmt: skip
def test_what_an_app_may_not_choose_is_refused_by_its_name(door: Door, document: dict[str, Any], member: str) -> None:
    refused = door.make(GOOD | document)
    assert isinstance(refused, str) and member in refused, refused


OFFERED = {
    "response_modes": ["form_post"], "default_scopes": "openid", "optional_scopes": "email",
    "initiate_login_uri": "https://app.example.test/login",
}  # fmt: skip


def test_how_answers_come_and_what_is_given_unasked_is_kept_and_can_be_said_anew(door: Door) -> None:
    made = door.make(GOOD | OFFERED)
    assert isinstance(made, Client), made
    document = client_metadata.to_document(made)
    assert {name: document[name] for name in OFFERED} == OFFERED
    changed = door.change(made.id, {**OFFERED, "default_scopes": "openid email", "response_modes": ["query"]})
    assert isinstance(changed, Client), changed
    assert (changed.response_modes, changed.default_scopes) == (["query"], ["openid", "email"])


def test_an_app_of_which_nothing_is_said_gets_all_its_scopes_unasked_and_answers_every_way(door: Door) -> None:
    made = door.make(GOOD)
    assert isinstance(made, Client), made
    assert not client_metadata.to_document(made).keys() & OFFERED.keys()
    assert made.default_scopes == made.scopes


@rows(
    "document, member",
    [
        ({"response_modes": ["web_message"]}, "response_modes"),
        ({"default_scopes": "workflows:read"}, "default_scopes"),
        ({"optional_scopes": "workflows:read"}, "optional_scopes"),
        ({"initiate_login_uri": "http://app.example.test/login"}, "initiate_login_uri"),
        ({"initiate_login_uri": "https://app.example.test/#login"}, "initiate_login_uri"),
    ],
)
def test_what_there_is_not_is_refused_by_its_name(door: Door, document: dict[str, Any], member: str) -> None:
    refused = door.make(GOOD | document)
    assert isinstance(refused, str) and member in refused, refused


def test_an_app_that_cannot_keep_a_secret_is_not_exempted_later_either(door: Door) -> None:
    public = door.make(GOOD | {"token_endpoint_auth_method": "none"})
    assert isinstance(public, Client) and public.public
    refused = door.change(public.id, {"token_endpoint_auth_method": "none", "require_pkce": False})
    assert isinstance(refused, str) and "always needs PKCE" in refused, refused
    assert stored(public.id).require_pkce is None


def test_one_that_registered_itself_is_not_exempted(call: Caller, alice: Person, shell: Shell, tmp_path: Path) -> None:
    for door in (over_http(call, alice), declared(shell, tmp_path)):
        made = door.make(GOOD)
        assert isinstance(made, Client)
        mark_as_self_registered(made.id)
        refused = door.change(made.id, {"require_pkce": False})
        assert isinstance(refused, str) and "registered itself" in refused, refused
        assert stored(made.id).require_pkce is None


def mark_as_self_registered(client_id: str) -> None:
    with database.transaction() as session:
        session.get_one(Client, client_id).self_registered = True
