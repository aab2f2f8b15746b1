"""authserver token: looking into and ending tokens from the shell."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from authserver.lib import secrets
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


def test_a_token_of_a_client_for_itself_is_made_without_its_secret(command: Command) -> None:
    client = protocol.register(grant_types=["client_credentials"], scopes=["workflows:read", "workflows:write"])
    code, out, _ = command("token", "issue", client.id, "--scope", "workflows:read", "--json")
    assert code == 0
    token = json.loads(out)["access_token"]
    like = protocol.client_credentials(client, scope="workflows:read").json["access_token"]
    timeless = {"iat": 0, "exp": 0, "jti": ""}
    assert protocol.claims(token) | timeless == protocol.claims(like) | timeless
    assert json.loads(command("token", "introspect", token, "--json")[1])["active"]
    assert "acts for itself" in command("audit", "tail", "-n", "1")[1]


def test_a_client_gets_by_hand_no_more_than_by_its_secret(command: Command) -> None:
    machine = protocol.register(grant_types=["client_credentials"], scopes=["workflows:read"])
    for_people = protocol.register(grant_types=["authorization_code"])
    refused = {
        (machine.id, "--scope", "keys:manage"): "has no scope keys:manage",
        (machine.id, "--resource", "https://other.example"): "resource is unknown or not assigned",
        (for_people.id,): "acts for people alone",
    }
    for words, said in refused.items():
        code, out, err = command("token", "issue", *words)
        assert (code, out) == (1, ""), words
        assert said in err
    assert command("token", "issue", "nobody")[0] == 3
    command("client", "disable", machine.id)
    assert "disabled" in command("token", "issue", machine.id)[2]


SLIPS = {
    "a character less": (lambda key: key[:-1], "1 character too short"),
    "three more": (lambda key: key + "abc", "3 characters too long"),
    "another character": (lambda key: key[:-1] + ("a" if key[-1] != "a" else "b"), "its checksum does not fit"),
    "a space": (lambda key: key[:20] + " " + key[20:], "it holds a space"),
    "a dash of a word processor": (lambda key: key[:20] + "–" + key[20:], "it holds the character '–'"),
}


@pytest.mark.parametrize(("slip", "said"), SLIPS.values(), ids=SLIPS)
@pytest.mark.parametrize("verb", ["inspect", "introspect", "revoke"])
def test_a_mistyped_credential_is_told_so_and_not_that_it_ended(
    command: Command, verb: str, slip: Callable[[str], str], said: str
) -> None:
    typed = slip(secrets.generate("kaie", "ak"))
    _, out, err = command("token", verb, typed)
    assert said in err
    assert typed not in out + err


def test_a_credential_that_is_only_unknown_is_not_called_mistyped(command: Command) -> None:
    assert "mistyped" not in command("token", "revoke", secrets.generate("kaie", "rt"))[2]
