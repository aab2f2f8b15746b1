"""`authserver key`: the results, the exit codes, and a key that is printed once."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.ground import usage
from authserver.domain.record import audit
from authserver.lib import clock
from tests.cli.conftest import Command
from tests.conftest import Person
from tests.support.tables import rows

COMPLETE = ["create", "--owner", "alice@example.test", "--name", "CI", "--permission", "read_only"]
KEY = re.compile(r"kaie_ak_[0-9A-Za-z]{36}")


class Shell:
    """Runs `authserver key …` against this test's installation."""

    def __init__(self, command: Command) -> None:
        self.command = command

    def __call__(self, *words: str) -> tuple[int, str, str]:
        return self.command("key", *words)

    def json(self, *words: str) -> Any:
        code, out, err = self(*words, "--json")
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def shell(command: Command) -> Shell:
    return Shell(command)


def make(shell: Shell, *more: str) -> Any:
    return shell.json("create", "--owner", "alice@example.test", "--name", "CI", "--permission", "read_only", *more)


def test_create_prints_the_key_and_nothing_else_on_stdout(shell: Shell, alice: Person) -> None:
    code, out, err = shell("create", "--owner", alice.email, "--name", "CI", "--permission", "read_write")
    assert code == 0
    assert KEY.fullmatch(out.strip())
    assert not KEY.search(err)
    found = api_keys.check(out.strip(), "127.0.0.1")
    assert found is not None
    assert (found.owner_id, found.permission, found.name) == (alice.id, "read_write", "CI")


def test_create_as_json_has_the_members_of_the_contract(shell: Shell, alice: Person) -> None:
    made = make(shell)
    assert {"id", "key", "prefix", "permission", "scopes", "expires_at"} <= set(made)
    assert (made["permission"], made["prefix"]) == ("read_only", "kaie_ak_")
    assert made["scopes"] == ["workflows:read", "analytics:read"]
    assert KEY.fullmatch(made["key"])


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("3600", 3600), ("90d", 90 * 86_400), ("12h", 43_200), ("5m", 300), ("7s", 7), ("never", None)],
)
def test_a_life_is_seconds_or_a_span_or_never(shell: Shell, alice: Person, given: str, seconds: int | None) -> None:
    make(shell, "--expires-in", given)
    expires = api_keys.page(alice.id)[0][0].expires_at
    assert expires is None if seconds is None else expires == pytest.approx(clock.now() + seconds, abs=10)


def test_without_a_life_it_is_90_days(shell: Shell, alice: Person) -> None:
    make(shell)
    assert api_keys.page(alice.id)[0][0].expires_at == pytest.approx(clock.now() + 90 * 86_400, abs=10)


def test_create_takes_note_networks_and_limit(shell: Shell, alice: Person) -> None:
    make(shell, "--note", "cellar", "--network", "10.0.0.0/8", "--network", "::1", "--rate-limit", "5/minute")
    key = api_keys.page(alice.id)[0][0]
    assert (key.note, key.allowed_networks, key.rate_limit) == ("cellar", ["10.0.0.0/8", "::1"], "5/minute")


@rows(
    ("words", "code"),
    [
        ([*COMPLETE, "--permission", "root"], 2),
        (["create", "--owner", "alice@example.test", "--name", "CI"], 2),
        ([*COMPLETE, "--expires-in", "soon"], 2),
        ([*COMPLETE, "--expires-in", "-1"], 2),
        (["create", "--owner", "alice@example.test", "--name", "", "--permission", "read_only"], 1),
        ([*COMPLETE, "--expires-in", "0"], 1),
        ([*COMPLETE, "--network", "x"], 1),
        (["create", "--owner", "nobody@example.test", "--name", "CI", "--permission", "read_only"], 3),
        (["list", "--owner", "nobody@example.test"], 3),
        (["rotate", "key_nothing"], 3), (["revoke", "key_nothing"], 3), (["revoke"], 2),
        (["rotate", "x", "--overlap", "never"], 2),
    ],
)  # fmt: skip
def test_refusals_have_exit_codes(shell: Shell, alice: Person, words: list[str], code: int) -> None:
    ended, out, err = shell(*words)
    assert (ended, out) == (code, "")
    assert "Traceback" not in err
    assert api_keys.page(None)[1] == 0


def test_list_never_prints_a_key(shell: Shell, alice: Person, bob: Person) -> None:
    value = make(shell)["key"]
    code, out, _ = shell("list")
    assert code == 0
    assert "CI" in out
    assert value not in out
    assert "alice@example.test" in out
    assert shell.json("list", "--owner", bob.email) == []


def test_list_narrows_by_status(shell: Shell, alice: Person) -> None:
    first = make(shell)
    second = make(shell)
    shell("revoke", first["id"])
    api_keys.check(second["key"], "10.0.0.1")
    usage.flush()
    assert [each["id"] for each in shell.json("list", "--status", "revoked")] == [first["id"]]
    assert [each["id"] for each in shell.json("list", "--status", "active")] == [second["id"]]
    assert [each["id"] for each in shell.json("list", "--status", "unused")] == [first["id"]]


def test_rotate_prints_a_successor_and_the_old_key_works_through_the_overlap(shell: Shell, alice: Person) -> None:
    old = make(shell)
    new = shell.json("rotate", old["id"], "--overlap", "1h")
    assert new["id"] != old["id"]
    assert api_keys.check(old["key"], "127.0.0.1")
    assert api_keys.check(new["key"], "127.0.0.1")
    assert shell("rotate", old["id"])[0] == 1


def test_rotate_now_stops_the_old_key(shell: Shell, alice: Person) -> None:
    old = make(shell)
    shell.json("rotate", old["id"], "--overlap", "0")
    assert api_keys.check(old["key"], "127.0.0.1") is None


def test_revoke_ends_a_key_and_may_be_repeated(shell: Shell, alice: Person) -> None:
    made = make(shell)
    assert shell.json("revoke", made["id"])["status"] == "revoked"
    assert shell("revoke", made["id"])[0] == 0
    assert api_keys.check(made["key"], "127.0.0.1") is None


def test_what_the_shell_does_is_recorded_as_the_shells(shell: Shell, alice: Person) -> None:
    make(shell)
    event = audit.page(type="api_key.created")[0][0]
    assert (event.actor, event.owner_id) == ("cli", alice.id)
