"""authserver resource: APIs from the shell."""

from __future__ import annotations

import json

from tests.cli.conftest import Command

NOTES = "https://notes.example.test/mcp"
CREATE = ("resource", "create", NOTES, "--name", "Notes", "--scope", "notes:read notes:write", "--json")


def test_an_api_is_registered_with_its_scopes_and_the_line_for_its_server(command: Command) -> None:
    code, out, _ = command(*CREATE, "--open", "--access-token-ttl", "600", "--access-token-format", "opaque")
    said = json.loads(out)
    assert code == 0
    assert said["challenge"] == (
        'WWW-Authenticate: Bearer resource_metadata="'
        'https://notes.example.test/.well-known/oauth-protected-resource/mcp"'
    )
    assert {name: said[name] for name in ("scope", "open", "access_token_ttl", "access_token_format")} == {
        "scope": "notes:read notes:write", "open": True, "access_token_ttl": 600, "access_token_format": "opaque",
    }  # fmt: skip


def test_what_is_not_given_stays(command: Command) -> None:
    command(*CREATE, "--open", "--access-token-ttl", "600")
    code, out, _ = command("resource", "update", NOTES, "--name", "All notes", "--json")
    said = json.loads(out)
    assert (code, said["name"], said["open"], said["access_token_ttl"]) == (0, "All notes", True, 600)
    said = json.loads(command("resource", "update", NOTES, "--closed", "--access-token-ttl", "0", "--json")[1])
    assert (said["open"], said["access_token_ttl"], said["scope"]) == (False, None, "notes:read notes:write")


def test_what_it_asks_of_sign_ins_and_its_limit_are_given_and_taken_back(command: Command) -> None:
    given = ("--open", "--open-rate-limit", "100/hour", "--max-age", "600", "--acr-values", "aal1")
    said = json.loads(command(*CREATE, *given)[1])
    assert (said["open_rate_limit"], said["max_age"], said["acr_values"]) == ("100/hour", 600, "aal1")
    said = json.loads(command("resource", "update", NOTES, "--name", "All notes", "--json")[1])
    assert (said["open_rate_limit"], said["max_age"], said["acr_values"]) == ("100/hour", 600, "aal1")
    none = ("--open-rate-limit", "", "--max-age", "0", "--acr-values", "")
    said = json.loads(command("resource", "update", NOTES, *none, "--json")[1])
    assert (said["open_rate_limit"], said["max_age"], said["acr_values"]) == (None, None, "")


def test_an_api_is_listed_shown_and_deleted(command: Command) -> None:
    command(*CREATE)
    assert NOTES in command("resource", "list")[1]
    assert NOTES in command("resource", "show", NOTES)[1]
    assert command("resource", "delete", NOTES)[0] == 0
    assert command("resource", "show", NOTES)[0] == 3


def test_a_bad_address_is_one_line_and_an_error(command: Command) -> None:
    code, _, err = command("resource", "create", "http://api.example.test", "--name", "API")
    assert (code, len(err.splitlines())) == (1, 1)
