"""`authserver webhook`: list, test, replay, and their exit codes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from authserver.cli import webhook
from authserver.config import Settings
from authserver.domain.webhooks import courier
from authserver.domain.webhooks import deliveries as webhook_deliveries
from tests.cli.conftest import Command
from tests.conftest import Person
from tests.support import receivers
from tests.support.receivers import Receiver
from tests.support.webhooks import endpoint, happen


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Receiver]:
    monkeypatch.setenv("AUTHSERVER_OUTBOUND_ALLOW", "127.0.0.1")
    monkeypatch.setenv("AUTHSERVER_DATA_DIR", settings.data_dir)
    with receivers.listening() as made:
        yield made


def test_list_shows_every_endpoint_and_no_secret(command: Command, alice: Person, receiver: Receiver) -> None:
    row = endpoint(alice, receiver.url())
    code, out, _ = command("webhook", "list", "--json")
    assert code == 0
    [found] = json.loads(out)
    assert (found["id"], found["status"], found["owner_id"]) == (row.id, "active", alice.id)
    assert "whsec_" not in out


def test_a_test_is_sent_by_the_worker_and_its_answer_told(
    command: Command, alice: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = endpoint(alice, receiver.url())
    # The worker's turn comes while the command waits; other threads of this process go on sleeping.
    waiting = SimpleNamespace(sleep=lambda _seconds: courier.send_due(), monotonic=time.monotonic)
    monkeypatch.setattr("authserver.cli.webhook.time", waiting)
    code, out, _ = command("webhook", "test", row.id)
    assert (code, out.partition(" in ")[0]) == (0, "Delivered: HTTP 200")
    receiver.status = 500
    code, out, _ = command("webhook", "test", row.id)
    assert (code, out.strip()) == (1, "Not delivered: HTTP 500")


def test_a_test_without_a_worker_says_so(
    command: Command, alice: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "WAIT_SECONDS", 0.0)
    code, out, _ = command("webhook", "test", endpoint(alice, receiver.url()).id)
    assert code == 1
    assert "does `authserver worker` run?" in out


def test_replay_queues_what_failed(command: Command, alice: Person, receiver: Receiver) -> None:
    row = endpoint(alice, receiver.url())
    happen(alice)
    courier.send_due()
    assert json.loads(command("webhook", "replay", row.id, "--json")[1]) == {"replayed": 0}
    assert json.loads(command("webhook", "replay", row.id, "--all", "--json")[1]) == {"replayed": 1}
    courier.send_due()
    assert webhook_deliveries.count_by_state(row.id) == {"delivered": 1}
    assert len(receiver.got) == 2
    assert "1 delivery is queued again." in command("webhook", "replay", row.id, "--include-delivered")[1]


@pytest.mark.parametrize(
    "since", ["2020-01-01", "2020-01-01T10:00Z", "2020-01-01T10:00:00.5+02:00", "1577872800", "3d"]
)
def test_replay_takes_a_time(command: Command, alice: Person, receiver: Receiver, since: str) -> None:
    row = endpoint(alice, receiver.url())
    receiver.status = 500
    happen(alice)
    courier.send_due()
    code, out, _ = command("webhook", "replay", row.id, "--json", "--since", since)
    assert (code, json.loads(out)) == (0, {"replayed": 1})


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("test", "wh_nobody"), 3),
        (("replay", "wh_nobody"), 3),
        (("replay", "wh_nobody", "--since", "yesterday"), 2),
        (("replay", "wh_nobody", "--since", ""), 2),
        (("replay", "wh_nobody", "--since", "2026-02-30"), 2),
        (("replay", "wh_nobody", "--since", "2098-01-01T00:00Z"), 2),
        (("replay", "wh_nobody", "--since", "1764000000000"), 2),
        (("fly",), 2),
    ],
)
def test_mistakes_have_the_exit_codes_of_the_contract(command: Command, words: tuple[str, ...], code: int) -> None:
    assert command("webhook", *words)[0] == code
