"""`authserver audit`: tail, verify with its exit code, export."""

from __future__ import annotations

import csv
import io
import json
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import text

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.record import audit
from tests.cli.conftest import Command
from tests.conftest import Person
from tests.domain.record.test_audit import drop_triggers


class Shell:
    """Runs `authserver audit …` against this test's installation."""

    def __init__(self, command: Command) -> None:
        self.command = command

    def __call__(self, *words: str) -> tuple[int, str, str]:
        return self.command("audit", *words)


@pytest.fixture
def shell(command: Command) -> Shell:
    return Shell(command)


@pytest.fixture
def key(app: Flask, alice: Person) -> api_keys.ApiKey:
    return api_keys.create(alice.user, api_keys.Wish("Cellar", "read_only"))[0]


def test_verify_says_how_far_the_log_is_sound_and_remembers_it(shell: Shell, key: api_keys.ApiKey) -> None:
    code, out, _ = shell("verify")
    assert code == 0
    assert out.startswith("Sound: ")
    remembered = audit.last_verified()
    assert remembered is not None
    assert remembered[0] == audit.page(limit=1)[0][0].seq


def test_verify_exits_1_with_the_reason_when_the_chain_is_broken(shell: Shell, key: api_keys.ApiKey) -> None:
    drop_triggers()
    with database.transaction() as session:
        session.execute(text("UPDATE audit_events SET actor = 'user:mallory' WHERE seq = 1"))
    code, out, _ = shell("verify")
    assert (code, out) == (1, "Broken: #1 was changed.\n")
    assert audit.last_verified() is None


def test_verify_as_json(shell: Shell, key: api_keys.ApiKey) -> None:
    code, out, _ = shell("verify", "--json")
    assert (code, json.loads(out)["sound"], json.loads(out)["problem"]) == (0, True, None)


def test_an_empty_log_is_sound(shell: Shell) -> None:
    assert shell("verify")[0] == 0


def test_tail_prints_sentences_oldest_first(shell: Shell, key: api_keys.ApiKey) -> None:
    code, out, _ = shell("tail", "-n", "2")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 2
    assert "user.created" in lines[0]
    assert "api_key.created" in lines[1]
    assert "created the key “Cellar”" in lines[1]


def test_tail_as_json_is_an_object_a_line(shell: Shell, key: api_keys.ApiKey) -> None:
    _, out, _ = shell("tail", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1]["type"] == "api_key.created"
    assert events[-1]["target"] == f"key:{key.id}"


def test_tail_follows(shell: Shell, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    naps = []

    def nap(_seconds: float) -> None:
        naps.append(1)
        if len(naps) == 1:
            api_keys.create(alice.user, api_keys.Wish("While you look", "read_only"))
        if len(naps) == 3:
            raise KeyboardInterrupt

    # The command's own, not the module's: other threads of this process sleep, too.
    monkeypatch.setattr("authserver.cli.audit.time", SimpleNamespace(sleep=nap))
    code, out, _ = shell("tail", "-f", "-n", "0")
    assert code == 0
    assert out.count("While you look") == 1


def test_export_as_json_lines_verifies_by_itself(shell: Shell, key: api_keys.ApiKey) -> None:
    code, out, _ = shell("export")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert len(events) == audit.page()[1]
    assert all(audit.digest(event) == event["hash"] for event in events)


def test_export_as_csv_has_a_head_and_a_row_an_event(shell: Shell, key: api_keys.ApiKey) -> None:
    code, out, _ = shell("export", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["type"] for row in rows][-1] == "api_key.created"
    assert json.loads(rows[-1]["data"])["name"] == "Cellar"


def test_no_cell_of_a_csv_is_a_formula(shell: Shell, app: Flask) -> None:
    with database.transaction() as session:
        audit.record(session, "scope.created", target="=HYPERLINK(1)", reason="@SUM(1)", actor="+1")
    _, out, _ = shell("export", "--format", "csv")
    row = list(csv.DictReader(io.StringIO(out)))[-1]
    assert (row["target"], row["reason"], row["actor"]) == ("'=HYPERLINK(1)", "'@SUM(1)", "'+1")


def test_reading_leaves_no_event(shell: Shell, key: api_keys.ApiKey) -> None:
    before = audit.page()[1]
    for words in (["tail"], ["verify"], ["export"]):
        shell(*words)
    assert audit.page()[1] == before
