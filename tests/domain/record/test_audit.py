"""The audit log: nothing is recorded twice or lost, and nobody changes it unseen."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.record import audit
from authserver.domain.record import seals as audit_seals
from authserver.lib import clock
from authserver.models import AuditCheckpoint, AuditEvent, AuditHead
from authserver.observability import context, logs
from tests.conftest import Person


def record(number: int = 1, type: str = "scope.created", **more: Any) -> None:
    for each in range(number):
        with database.transaction() as session:
            audit.record(session, type, target=f"scope:{each}", **more)


def events() -> list[AuditEvent]:
    return audit.page(limit=1000)[0][::-1]


# Recording


def test_numbers_have_no_gap_and_each_event_holds_the_hash_of_the_one_before(app: Flask) -> None:
    record(5)
    found = events()
    assert [event.seq for event in found] == list(range(found[0].seq, found[0].seq + 5))
    assert [event.prev_hash for event in found[1:]] == [event.hash for event in found[:-1]]


def test_an_event_says_who_from_where_in_which_request(app: Flask) -> None:
    with context.using(context.Context("req1", "10.1.2.3", "Firefox", "user:usr1")):
        record(1, owner_id="usr1", client_id="cl_1", result="refused", reason="because")
    event = events()[-1]
    assert (event.actor, event.ip, event.request_id) == ("user:usr1", "10.1.2.3", "req1")
    assert (event.owner_id, event.client_id, event.result, event.reason) == ("usr1", "cl_1", "refused", "because")
    assert len(event.user_agent) == 16
    assert "Firefox" not in event.user_agent


def test_what_is_rolled_back_leaves_no_event_and_no_gap(app: Flask) -> None:
    record(1)

    def fail() -> None:
        with database.transaction() as session:
            audit.record(session, "scope.created", target="scope:lost")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    record(1)
    assert [event.target for event in events()[-2:]] == ["scope:0", "scope:0"]
    assert audit.verify().sound


@pytest.mark.parametrize(
    "data",
    [
        {"scopes": ("a", "b")}, {"count": 3, "big": 2**60}, {"nested": {"x": [None, True, 1.5]}},
        {"text": "é\u2028\x00\ud800"}, {"before": {"a": 1}, "after": {"a": 2}},
    ],
)  # fmt: skip
def test_whatever_data_an_event_has_it_reads_back_to_the_same_hash(app: Flask, data: dict[str, Any]) -> None:
    record(1, **data)
    assert audit.verify().problem == ""


@pytest.mark.parametrize("reason", ["a\x00b", "\ud800", "x" * 5000])
def test_text_that_a_database_cannot_store_does_not_undo_the_change(app: Flask, reason: str) -> None:
    record(1, reason=reason)
    assert len(events()[-1].reason) <= 200
    assert audit.verify().sound


@pytest.mark.parametrize("writers", [8])
def test_parallel_writers_make_one_chain(app: Flask, writers: int) -> None:
    before = audit.page()[1]
    together(*[lambda: record(12)] * writers)
    assert audit.page()[1] == before + 12 * writers
    assert audit.verify().sound


def test_verifying_while_others_write_raises_no_false_alarm(app: Flask) -> None:
    verdicts: list[audit.Verdict] = []
    together(lambda: record(40), lambda: record(40), lambda: verdicts.extend(audit.verify() for _ in range(15)))
    assert [verdict.problem for verdict in verdicts] == [""] * 15


# Tampering: whoever owns the database can drop our triggers, so here they are dropped.


def edit(session: Session) -> None:
    session.execute(update(AuditEvent).where(AuditEvent.seq == 3).values(actor="user:mallory"))


def edit_and_rehash(session: Session) -> None:
    row = dict(session.execute(select(AuditEvent.__table__).where(AuditEvent.seq == 3)).one()._mapping)
    row["actor"] = "user:mallory"
    session.execute(update(AuditEvent).where(AuditEvent.seq == 3).values(actor=row["actor"], hash=audit.digest(row)))


def edit_the_last_and_rehash(session: Session) -> None:
    last = session.scalar(select(func.max(AuditEvent.seq)))
    row = dict(session.execute(select(AuditEvent.__table__).where(AuditEvent.seq == last)).one()._mapping)
    row["actor"] = "user:mallory"
    new = audit.digest(row)
    session.execute(update(AuditEvent).where(AuditEvent.seq == last).values(actor=row["actor"], hash=new))
    session.execute(update(AuditHead).values(hash=new))


def remove(session: Session) -> None:
    session.execute(delete(AuditEvent).where(AuditEvent.seq == 3))


def reorder(session: Session) -> None:
    session.execute(update(AuditEvent).where(AuditEvent.seq == 3).values(seq=-1))
    session.execute(update(AuditEvent).where(AuditEvent.seq == 4).values(seq=3))
    session.execute(update(AuditEvent).where(AuditEvent.seq == -1).values(seq=4))


def append(session: Session) -> None:
    last = session.scalar(select(func.max(AuditEvent.seq))) or 0
    row = dict(session.execute(select(AuditEvent.__table__).where(AuditEvent.seq == last)).one()._mapping)
    row |= {"seq": last + 1, "prev_hash": row["hash"], "actor": "user:mallory"}
    row["hash"] = audit.digest(row)
    session.execute(insert(AuditEvent).values(**row))
    session.execute(update(AuditHead).values(seq=row["seq"], hash=row["hash"]))


def insert_before_the_beginning(session: Session) -> None:
    row = dict(session.execute(select(AuditEvent.__table__).where(AuditEvent.seq == 3)).one()._mapping)
    session.execute(insert(AuditEvent).values(**row | {"seq": 0}))


def cut_the_end(session: Session) -> None:
    session.execute(delete(AuditEvent).where(AuditEvent.seq > 3))


def cut_the_end_and_move_the_head(session: Session) -> None:
    cut_the_end(session)
    kept = session.scalar(select(AuditEvent.hash).where(AuditEvent.seq == 3))
    session.execute(update(AuditHead).values(seq=3, hash=kept))


def empty_it(session: Session) -> None:
    session.execute(delete(AuditEvent))
    session.execute(delete(AuditCheckpoint))
    session.execute(update(AuditHead).values(seq=0, hash=audit.GENESIS))


def pretend_a_purge(session: Session) -> None:
    session.execute(delete(AuditEvent).where(AuditEvent.seq <= 2))
    session.execute(update(AuditCheckpoint).values(purged=True))


def forge_a_purge(session: Session) -> None:
    hash = session.scalar(select(AuditEvent.hash).where(AuditEvent.seq == 3))
    session.execute(delete(AuditCheckpoint))
    session.execute(delete(AuditEvent).where(AuditEvent.seq <= 3))
    forged = AuditCheckpoint(seq=3, hash=hash, at_us=1, purged=True, signature=b"\x00" * 32)
    session.add(forged)


TAMPERING = [
    edit, edit_and_rehash, edit_the_last_and_rehash, remove, reorder, append, insert_before_the_beginning,
    cut_the_end, cut_the_end_and_move_the_head, empty_it, pretend_a_purge, forge_a_purge,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda function: function.__name__)
def test_verify_finds(app: Flask, tamper: Callable[[Session], None]) -> None:
    record(6)
    assert audit.verify().sound
    drop_triggers()
    with database.transaction() as session:
        tamper(session)
    verdict = audit.verify()
    assert not verdict.sound
    assert verdict.problem


def test_an_old_end_put_back_without_its_checkpoint_log_is_found_by_the_checkpoints(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(2)
    with database.reading() as session:
        old = session.scalars(select(AuditHead)).one()
    monkeypatch.setattr(audit, "CHECKPOINT_SECONDS", 0)
    record(2)
    drop_triggers()
    with database.transaction() as session:
        session.execute(delete(AuditEvent).where(AuditEvent.seq > old.seq))
        session.execute(update(AuditHead).values(seq=old.seq, hash=old.hash, signature=old.signature))
    assert "has a checkpoint and is missing" in audit.verify().problem


# The database's own guard


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events", "DELETE FROM audit_events WHERE seq = 1"],
)
def test_the_database_refuses(app: Flask, statement: str) -> None:
    record(2)
    before = events()
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.execute(text(statement))
    assert [event.hash for event in events()] == [event.hash for event in before]


def test_the_database_refuses_to_empty_the_table_at_once(app: Flask) -> None:
    record(2)
    # SQLite has no TRUNCATE: it empties a table at once for a DELETE without conditions, if no trigger looks at rows.
    emptying = "TRUNCATE audit_events" if database.dialect() == "postgresql" else "DELETE FROM audit_events"
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.execute(text(emptying))


def test_a_checkpoint_that_is_no_purge_lets_nothing_go(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "CHECKPOINT_SECONDS", 0)
    record(2)
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.execute(delete(AuditEvent))


# Purging


def test_a_purge_cuts_the_beginning_and_the_rest_is_still_sound(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PURGED_AT_ONCE", 2)
    record(5)
    middle = clock.now_us()
    record(3)
    assert audit.purge(middle) == 5
    verdict = audit.verify()
    assert (verdict.sound, verdict.checked) == (True, 3)
    assert [event.seq for event in events()] == [6, 7, 8]


def test_after_everything_was_purged_the_chain_goes_on(app: Flask) -> None:
    record(3)
    audit.purge(clock.now_us() + 1)
    assert (audit.verify().sound, audit.page()[1]) == (True, 0)
    record(1)
    assert audit.verify().sound
    assert events()[0].seq == 4


def test_a_purge_with_nothing_to_cut_changes_nothing(app: Flask) -> None:
    record(3)
    assert audit.purge(0) == 0
    assert audit.page()[1] == 3


def test_a_clock_that_went_back_keeps_more_never_less(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1000, 5000, 2000, 6000])
    monkeypatch.setattr(clock, "now_us", lambda: next(times, 9000))
    record(4)
    assert audit.purge(3000) == 1
    assert audit.verify().sound


def test_purges_and_writers_at_once_keep_the_chain(app: Flask) -> None:
    record(20)

    def purge() -> int:
        return audit.purge(clock.now_us())

    together(lambda: record(20), lambda: record(20), purge, purge)
    assert audit.verify().sound


# Checkpoints and keys


def test_a_checkpoint_is_left_now_and_then_and_goes_to_the_log(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(logs, "event", lambda name, level="info", **members: lines.append({"name": name, **members}))
    monkeypatch.setattr(audit, "CHECKPOINT_EVERY", 3)
    record(7)
    assert [line["seq"] for line in lines if line["name"] == "audit_checkpoint"] == [1, 3, 6]
    assert audit.verify().sound


def test_verified_up_to_is_remembered(app: Flask) -> None:
    assert audit.last_verified() is None
    record(3)
    audit.note_verified(audit.verify())
    record(2)
    verified = audit.last_verified()
    assert verified is not None
    assert verified[0] == 3
    assert verified[1] == pytest.approx(clock.now(), abs=5)
    assert audit.verify().sound


def test_a_new_secret_key_still_verifies_what_the_old_one_signed(app: Flask) -> None:
    record(3)
    settings = config.current()
    changed = dataclasses.replace(settings, secret_key="k" * 40, secret_key_fallbacks=(settings.secret_key,))
    with config.using(changed):
        assert audit.verify().sound
        audit.resign()
    with config.using(dataclasses.replace(changed, secret_key_fallbacks=())):
        assert audit.verify().sound


def test_without_the_old_secret_key_nothing_is_believed_or_signed_again(app: Flask) -> None:
    record(3)
    with config.using(dataclasses.replace(config.current(), secret_key="k" * 40)):
        assert not audit.verify().sound
        audit.resign()
        assert not audit.verify().sound


def test_erasing_a_person_leaves_the_chain_whole(app: Flask, alice: Person) -> None:
    with database.transaction() as session:
        session.execute(text("DELETE FROM users WHERE id = :id"), {"id": alice.id})
    assert audit.verify().sound


def test_signatures_are_for_one_purpose_each() -> None:
    assert audit_seals.head(1, "x") != audit_seals.checkpoint(1, "x", 0)["signature"]
    assert audit_seals.checkpoint(1, "x", 0)["signature"] != audit_seals.checkpoint(1, "x", 0, purged=True)["signature"]


@pytest.fixture(autouse=True)
def _from_an_empty_log(app: Flask) -> None:
    """Making the schema recorded nothing that these tests should count."""
    drop = audit.page()[1]
    assert drop == 0 or audit.verify().sound
    if drop:
        with database.transaction() as session:
            session.execute(delete(AuditCheckpoint))
            session.execute(
                insert(AuditCheckpoint).values(**audit_seals.checkpoint(drop, audit.page()[0][0].hash, 0, purged=True))
            )
            session.execute(delete(AuditEvent))
            session.execute(delete(AuditCheckpoint))
            genesis = {"seq": 0, "hash": audit.GENESIS, "signature": audit_seals.head(0, audit.GENESIS)}
            session.execute(update(AuditHead).values(**genesis, checkpoint_at_us=0))


def drop_triggers() -> None:
    names = (
        ("audit_events_keep_rows ON audit_events", "audit_events_keep_all ON audit_events")
        if database.dialect() == "postgresql"
        else ("audit_events_no_update", "audit_events_no_delete")
    )
    with database.transaction() as session:
        for name in names:
            session.execute(text(f"DROP TRIGGER {name}"))


def together(*actions: Callable[[], Any]) -> None:
    """Do all at once; the first failure is raised."""
    failures: list[BaseException] = []
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], Any]) -> None:
        try:
            start.wait()
            action()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
