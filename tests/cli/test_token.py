"""authserver token: looking into and ending tokens from the shell."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Command
from tests.conftest import Person
from tests.support import protocol


def test_introspection_shows_what_a_token_says(command: Command, alice: Person) -> None:
    tokens = protocol.tokens_for(alice.id, protocol.register())
    for name in ("access_token", "refresh_token"):
        code, out, _ = command("token", "introspect", tokens[name], "--json")
        answer = json.loads(out)
        assert (code, answer["active"], answer["credential"], answer["username"]) == (0, True, name, alice.email)


def test_garbage_is_inactive(command: Command) -> None:
    code, out, _ = command("token", "introspect", "garbage", "--json")
    assert (code, json.loads(out)) == (0, {"active": False})


def test_a_token_may_come_on_stdin(command: Command) -> None:
    token = protocol.client_credentials(protocol.register()).json["access_token"]
    _, out, _ = command("token", "introspect", "-", "--json", stdin=token + "\n")
    assert json.loads(out)["active"]


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_a_revoked_token_is_over(command: Command, alice: Person, name: str) -> None:
    token = protocol.tokens_for(alice.id, protocol.register())[name]
    assert command("token", "revoke", token)[0] == 0
    _, out, _ = command("token", "introspect", token, "--json")
    assert json.loads(out) == {"active": False}
    assert command("token", "revoke", token)[0] == 3


def test_inspecting_believes_nothing(command: Command) -> None:
    token = protocol.client_credentials(protocol.register()).json["access_token"]
    _, out, _ = command("token", "inspect", token, "--json")
    answer = json.loads(out)
    assert answer["verified"] is False
    assert answer["claims"] == protocol.claims(token)


def test_inspecting_names_the_kind_of_a_credential_without_repeating_it(command: Command, alice: Person) -> None:
    token = protocol.tokens_for(alice.id, protocol.register())["refresh_token"]
    _, out, _ = command("token", "inspect", token, "--json")
    assert json.loads(out)["kind"] == "refresh_token"
    assert token not in out


def test_inspecting_garbage_is_an_error(command: Command) -> None:
    assert command("token", "inspect", "garbage")[0] == 1
