"""Refusals are kept for owners, in batches, without secrets, and not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select

from authserver import database
from authserver.domain.ground import usage
from authserver.domain.insight import refusals
from authserver.domain.insight.refusals import Viewer
from authserver.domain.running import retention
from authserver.errors import Check, NotFound
from authserver.lib import clock, secrets
from authserver.models import Refusal
from tests.conftest import Person
from tests.support import protocol


@pytest.fixture(autouse=True)
def _assembled(app: object) -> Iterator[None]:
    refusals._pending.clear()
    yield
    refusals._pending.clear()


def note(request_id: str = "req1", **members: Any) -> None:
    told = {"kind": "token", "code": "invalid_grant", "status": 400, **members}
    refusals.note(request_id, **told)


def stored() -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Refusal)) or 0


def test_they_are_written_with_the_other_counters(statements: Callable[[], Any]) -> None:
    with statements() as sent:
        note(client_id="app")
    assert not sent and stored() == 0
    usage.flush()
    assert stored() == 1


def test_who_looks_a_moment_too_early_waits_for_the_batch_of_another_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "BATCH_SECONDS", 0.05)
    request_id = secrets.random_id("req")
    note(request_id, client_id="app")
    held, refusals._pending[:] = list(refusals._pending), []
    timer = threading.Timer(0.06, lambda: refusals._write(held))
    timer.start()
    assert refusals.get(Viewer(client_id="app"), request_id).code == "invalid_grant"
    timer.join()


def test_ids_that_are_made_up_hold_one_thread_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and API have a few threads for everybody; an id costs nothing to make up."""
    monkeypatch.setattr(refusals, "BATCH_SECONDS", 30.0)
    begun, let_go = threading.Event(), threading.Event()

    def wait(_seconds: float) -> None:
        begun.set()
        let_go.wait(20)

    monkeypatch.setattr(refusals, "_never", SimpleNamespace(wait=wait))
    first = threading.Thread(target=look_for_what_is_not_there)
    first.start()
    assert begun.wait(10)
    look_for_what_is_not_there()
    assert first.is_alive(), "it waits still, and nobody else did"
    let_go.set()
    first.join()


def look_for_what_is_not_there() -> None:
    with pytest.raises(NotFound):
        refusals.get(Viewer(client_id="app"), secrets.random_id("req"))


def test_what_nobody_is_behind_is_not_kept() -> None:
    note()
    note("", client_id="app")
    usage.flush()
    assert stored() == 0


def test_a_hundred_an_hour_are_kept_of_one_credential() -> None:
    for number in range(130):
        note(f"req{number}", client_id="app")
        if number == 60:
            refusals.flush()
    note("other", client_id="another")
    refusals.flush()
    assert stored() == 101


def test_refusals_that_anybody_can_make_up_leave_room_for_those_of_the_client_itself() -> None:
    for number in range(130):
        note(f"forged{number}", client_id="app", proven=False)
    note("real", client_id="app")
    refusals.flush()
    assert stored() == 101
    with database.reading() as session:
        assert session.get(Refusal, "real") is not None


def test_all_credentials_of_one_person_have_a_ceiling(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "PER_OWNER", "3/hour")
    apps = [protocol.register(owner_id=alice.id).id for _ in range(4)]
    of_others = [protocol.register(owner_id=bob.id).id, protocol.register().id, protocol.register().id]
    for number, client_id in enumerate((*apps, *of_others)):
        note(f"req{number}", client_id=client_id)
        note(f"claimed{number}", client_id=client_id, proven=False)
    note("key", key_id="key_1", owner_id=alice.id)
    refusals.flush()
    assert stored() == 2 * (3 + 3)


def test_answers_that_are_of_no_use_leave_room_for_refusals() -> None:
    for number in range(130):
        note(f"answer{number}", client_id="app", answered=True)
    note("claimed", client_id="app", proven=False)
    note("real", client_id="app")
    refusals.flush()
    assert stored() == 102


def test_a_credential_in_any_text_is_never_stored() -> None:
    leaked = [secrets.generate("kaie", kind) for kind in ("ak", "cs", "at", "rt", "ac")]
    checks = [Check("redirect uri", False, f"https://a.example/?k={each}", each) for each in leaked]
    note(client_id="app", message=f"Bearer {leaked[0]}", checks=checks)
    refusals.flush()
    found = refusals.get(Viewer(client_id="app"), "req1")
    assert not any(each in f"{found.checks}{found.message}" for each in leaked)


def test_a_long_value_is_cut_and_an_odd_one_made_plain() -> None:
    note(client_id="app", checks=[Check("redirect uri", False, "x" * 5000, "a\x00b\n\u2028c")])
    refusals.flush()
    [check] = refusals.get(Viewer(client_id="app"), "req1").checks
    assert len(check["expected"]) == 401 and check["received"] == "abc"


def test_the_owner_of_the_app_sees_it_and_strangers_do_not(
    alice: Person, bob: Person, mallory: Person, ada: Person
) -> None:
    app = protocol.register(owner_id=alice.id)
    note("of_app", client_id=app.id, owner_id=bob.id)
    note("of_key", key_id="key_1", owner_id=bob.id, kind="api")
    for viewer, seen in ((alice, ["of_app"]), (bob, ["of_key"]), (mallory, []), (ada, ["of_app", "of_key"])):
        rows, total = refusals.page(Viewer(user=viewer.user))
        assert sorted(row.request_id for row in rows) == seen and total == len(seen)
    with pytest.raises(NotFound):
        refusals.get(Viewer(user=mallory.user), "of_app")


def test_a_credential_sees_its_own_alone(alice: Person, bob: Person) -> None:
    note("hers", client_id="spa", owner_id=alice.id)
    note("his", client_id="spa", owner_id=bob.id)
    assert refusals.get(Viewer(client_id="spa", owner_id=alice.id), "hers")
    with pytest.raises(NotFound):
        refusals.get(Viewer(client_id="spa", owner_id=alice.id), "his")
    with pytest.raises(NotFound):
        refusals.get(Viewer(key_id="key_1"), "hers")
    with pytest.raises(NotFound):
        refusals.get(Viewer(), "hers")


def test_after_seven_days_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    note(client_id="app")
    refusals.flush()
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 7 * 86_400 + 1)
    with pytest.raises(NotFound):
        refusals.get(Viewer(client_id="app"), "req1")
    assert retention.purge()["refusals"] == 1


def test_a_database_that_fails_costs_the_notes_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError

    note(client_id="app")
    monkeypatch.setattr(refusals, "_write", fail)
    usage.flush()
