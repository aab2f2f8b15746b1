"""Clients from one installation into another: `client export` and `client import`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from authserver.domain.clients import clients
from tests.cli.conftest import Command
from tests.cli.test_client_fields import BASE, WRITTEN
from tests.conftest import Person
from tests.support import protocol

KINDS = [
    BASE,
    [*BASE, "--public"],
    [*BASE[:4], "--public", "--redirect-uri", "http://127.0.0.1/callback"],
    [*BASE[:4], "--grant", "client_credentials", "--scope", "workflows:read", "--access-token-format", "opaque"],
    [*BASE[:4], "--grant", "urn:ietf:params:oauth:grant-type:device_code", "--public"],
    [*BASE, "--skip-consent", "--introspect-all", "--no-pkce", "--scope", "openid email", "--required-scope", "email"],
    *([*BASE, *words] for words, _, _ in WRITTEN),
]


def exported(command: Command, *ids: str) -> list[dict[str, Any]]:
    code, out, err = command("client", "export", *ids)
    assert (code, err) == (0, "")
    found: list[dict[str, Any]] = json.loads(out)["clients"]
    return found


def taken(command: Command, file: Path, document: Any, *more: str) -> dict[str, Any]:
    file.write_text(json.dumps(document))
    code, out, err = command("client", "import", str(file), *more, "--json")
    assert code == 0, err
    told: dict[str, Any] = json.loads(out)
    return told


def test_what_was_exported_is_what_is_there(command: Command, tmp_path: Path) -> None:
    for words in KINDS:
        assert command(*words)[0] == 0, words
    assert taken(command, tmp_path / "all.json", {"clients": exported(command)})["changes"] == []


def test_every_client_is_made_again_as_it_was(command: Command, tmp_path: Path, ada: Person) -> None:
    made = [json.loads(command(*words, "--owner", ada.email, "--json")[1])["client_id"] for words in KINDS]
    before = exported(command, *made)
    elsewhere = [entry | {"client_id": f"again-{number}"} for number, entry in enumerate(before)]
    told = taken(command, tmp_path / "some.json", elsewhere)
    assert [change["action"] for change in told["changes"]] == ["create"] * len(made)
    again = exported(command, *(entry["client_id"] for entry in elsewhere))
    assert [entry | {"client_id": ""} for entry in again] == [entry | {"client_id": ""} for entry in before]
    assert {entry["owner"] for entry in again} == {ada.email}


def test_a_confidential_client_has_a_new_secret_and_no_export_holds_one(command: Command, tmp_path: Path) -> None:
    secret = json.loads(command(*BASE, "--json")[1])["client_secret"]
    entry = exported(command)[0] | {"client_id": "again"}
    told = taken(command, tmp_path / "one.json", entry)
    assert told["changes"][0]["client_secret"] not in ("", secret)
    assert "secret" not in entry


def test_a_dry_run_changes_nothing(command: Command, tmp_path: Path) -> None:
    told = taken(
        command, tmp_path / "new.json", {"client_id": "new", "client_name": "New", "redirect_uris": []}, "--dry-run"
    )
    assert (told["applied"], told["changes"][0]["action"]) == (False, "create")
    assert clients.find("new") is None


def test_one_wrong_client_and_none_is_made(command: Command, tmp_path: Path) -> None:
    good = {"client_id": "good", "client_name": "Good", "redirect_uris": ["https://good.example/cb"]}
    file = tmp_path / "two.json"
    file.write_text(json.dumps([good, good | {"client_id": "bad", "redirect_uris": ["http://bad.example/cb"]}]))
    code, _, err = command("client", "import", str(file))
    assert code == 1
    assert "clients bad: redirect_uris.0" in err
    assert clients.find("good") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "The file holds no clients"),
        ('"x"', "The file holds no clients"),
        ('{"clients": [], "scopes": []}', "authserver apply"),
        ("{", "is not readable as JSON"),
        ("[{}]", "A client needs its client_id"),
    ],
)
def test_what_is_no_list_of_clients_is_refused_in_one_line(
    command: Command, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(text)
    code, _, err = command("client", "import", str(file))
    assert code == 1
    assert said in err
    assert len(err.splitlines()) == 1


def test_the_file_may_come_on_stdin(command: Command) -> None:
    entry = {"client_id": "typed", "client_name": "Typed", "redirect_uris": ["https://typed.example/cb"]}
    assert command("client", "import", "-", stdin=json.dumps(entry))[0] == 0
    assert clients.find("typed") is not None


def test_an_owner_is_given_to_those_that_name_nobody(command: Command, tmp_path: Path, ada: Person) -> None:
    entry = {"client_id": "hers", "client_name": "Hers", "redirect_uris": ["https://hers.example/cb"]}
    taken(command, tmp_path / "hers.json", entry, "--owner", ada.email)
    assert exported(command, "hers")[0]["owner"] == ada.email


def test_an_app_that_registered_itself_is_not_exported(command: Command) -> None:
    itself = protocol.register(self_registered=True).id
    assert command("client", "export", itself)[0] == 1
    assert command("client", "export", "nobody")[0] == 3
    assert exported(command) == []
