"""The audit log: one event per fact, in the fact's own transaction, hash-chained."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import delete, event, insert, select, text, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import lists
from authserver.domain.ground.lists import Part, Rows
from authserver.domain.record import acting, outbox
from authserver.domain.record import seals as audit_seals
from authserver.lib import canonical_json, clock, excerpts
from authserver.models import AuditCheckpoint, AuditEvent, AuditHead
from authserver.observability import context, logs

GENESIS = "0" * 64
# A checkpoint also goes to the log, which lies elsewhere: a tail cut off together with the head's row then shows.
CHECKPOINT_EVERY = 1000
CHECKPOINT_SECONDS = 60
_told: list[Callable[[], None]] = []
PURGED_AT_ONCE = 500  # who records anything waits meanwhile
# Bytes: nobody fills the disk with what they call their app, and webhooks send it on.
MAX_DATA = 8192
# The members that the hash covers, in no order: canonical JSON sorts them.
HASHED = (
    "seq", "at_us", "type", "actor", "target", "owner_id", "client_id", "result", "reason",
    "ip", "user_agent", "request_id", "data", "prev_hash",
)  # fmt: skip
# Built once and sent past the ORM: every change of anything is recorded, which took longer than the database takes.
_HEAD = select(AuditHead.seq, AuditHead.hash, AuditHead.checkpoint_at_us).where(AuditHead.id == 1).with_for_update()
_NEXT, _CHECKPOINT = insert(AuditEvent), insert(AuditCheckpoint)
_MOVED = update(AuditHead).where(AuditHead.id == 1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: `sound`, how many events were read, the last one that fits, and where the chain breaks."""

    sound: bool
    checked: int
    problem: str = ""
    seq: int = 0
    hash: str = GENESIS


def seed(session: Session) -> None:
    """Give an empty log its signed beginning."""
    if session.get(AuditHead, 1) is None:
        session.add(AuditHead(id=1, seq=0, hash=GENESIS, signature=audit_seals.head(0, GENESIS), checkpoint_at_us=0))


def record(
    session: Session,
    type: str,
    *,
    target: str = "",
    owner_id: str | None = None,
    client_id: str | None = None,
    result: str = "ok",
    reason: str = "",
    actor: str = "",
    **data: Any,
) -> None:
    """Append an event as the last write of the caller's transaction; the chain's head stays locked until it commits.

    Where several transactions are one, the events of all come last, in their order.

    `type` is a name of the contract's section 8 or one of our own; `owner_id` is the person whose history shows it.
    Never pass a secret in `data`.
    """
    session.flush()
    asked = context.current()
    if asked.through and type in acting.MAKING:
        data[outbox.THROUGH] = asked.through
    facts: dict[str, Any] = {
        "actor": _text(actor or asked.actor, 100),
        "target": _text(target, 140),
        "owner_id": owner_id,
        "client_id": client_id,
        "result": result,
        "reason": _text(reason, 200),
        "ip": _text(asked.ip, 45),
        "request_id": _text(asked.request_id, 40),
        "data": excerpts.of(canonical_json.plain(data), MAX_DATA),
    }
    outbox.enqueue(session, type, facts)  # before the lock on the head, which everybody waits for
    facts |= {"type": type, "user_agent": fingerprint(asked.user_agent)}
    database.at_end(session, functools.partial(_append, session, facts))


def _append(session: Session, facts: dict[str, Any]) -> None:
    session.flush()  # in a transaction of several, what came after its own event; before the lock, too
    connection = session.connection()
    head = connection.execute(_HEAD).one()
    if facts["type"] in acting.MAKING:
        acting.require_good(session)
    row: dict[str, Any] = {
        "seq": head.seq + 1,
        "at_us": clock.now_us(),
        "prev_hash": head.hash,
        **facts,
    }
    row["hash"] = digest(row)
    connection.execute(_NEXT, row)
    moved = {"seq": row["seq"], "hash": row["hash"], "signature": audit_seals.head(row["seq"], row["hash"])}
    if row["seq"] % CHECKPOINT_EVERY == 0 or row["at_us"] - head.checkpoint_at_us >= CHECKPOINT_SECONDS * 1_000_000:
        moved["checkpoint_at_us"] = row["at_us"]
        _leave_checkpoint(session, row)
    connection.execute(_MOVED, moved)
    for forget in _told:
        event.listen(session, "after_commit", lambda _session, forget=forget: forget(), once=True)


def tell_of_changes(forget: Callable[[], None]) -> None:
    """Call this after every commit of this process that recorded an event."""
    _told.append(forget)


def digest(row: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a row, which holds the hash before it."""
    return hashlib.sha256(canonical_json.dumps({name: row[name] for name in HASHED})).hexdigest()


def verify() -> Verdict:
    """Walk the chain from its start, or from the last purge's checkpoint, and compare every hash and signature."""
    with database.snapshot() as session:
        head = session.scalars(select(AuditHead)).one()
        checkpoints = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.seq)).all()
        for checkpoint in checkpoints:
            if not audit_seals.checkpoint_holds(checkpoint):
                return Verdict(False, 0, f"the checkpoint at #{checkpoint.seq} is not signed by us")
        start = next((each for each in reversed(checkpoints) if each.purged), None)
        first = (start.seq, start.hash) if start else (0, GENESIS)
        if session.scalar(select(AuditEvent.seq).where(AuditEvent.seq <= first[0]).limit(1)) is not None:
            return Verdict(False, 0, f"an event stands before the log's beginning at #{first[0] + 1}")
        found = _walk(session, first, {each.seq: each.hash for each in checkpoints if each.seq > first[0]})
        if found.sound and ((head.seq, head.hash) != (found.seq, found.hash) or not audit_seals.head_holds(head)):
            return Verdict(False, found.checked, f"the log ends at #{found.seq}, but its signed end is elsewhere")
        return found


def note_verified(found: Verdict) -> None:
    """Remember a sound verdict, so that pages can say how far the log was verified."""
    now = clock.now_us()
    with database.transaction() as session:
        session.execute(select(AuditHead.seq).where(AuditHead.id == 1).with_for_update())
        row = session.get(AuditCheckpoint, found.seq)
        if row is None and found.checked:
            row = AuditCheckpoint(**audit_seals.checkpoint(found.seq, found.hash, now))
            session.add(row)
        if row is not None:
            row.verified_at_us = now


def last_verified() -> tuple[int, int] | None:
    """(number of the event, epoch seconds) up to which the chain was last found sound."""
    with database.reading() as session:
        row = session.execute(
            select(AuditCheckpoint.seq, AuditCheckpoint.verified_at_us)
            .where(AuditCheckpoint.verified_at_us.is_not(None))
            .order_by(AuditCheckpoint.seq.desc())
            .limit(1)
        ).one_or_none()
    return (row.seq, row.verified_at_us // 1_000_000) if row else None


def resign() -> int:
    """Sign head and checkpoints again under today's secret key; how many. One that is not ours stays as it is."""
    with database.transaction() as session:
        head = session.scalars(select(AuditHead).with_for_update()).one()
        checkpoints = [each for each in session.scalars(select(AuditCheckpoint)) if audit_seals.checkpoint_holds(each)]
        for each in checkpoints:
            fresh = audit_seals.checkpoint(each.seq, each.hash, each.at_us, purged=each.purged)
            each.signature = fresh["signature"]
        if audit_seals.head_holds(head):
            head.signature = audit_seals.head(head.seq, head.hash)
    return len(checkpoints)


def page(
    *,
    owner_id: str | None = None,
    type: str = "",
    client_id: str = "",
    after_seq: int = 0,
    **part: Unpack[Part],
) -> tuple[Rows[AuditEvent], int]:
    """Events, newest first, and how many (`lists.read`); `owner_id` narrows to one person's history."""
    conditions = [AuditEvent.seq > after_seq]
    if owner_id is not None:
        conditions.append(AuditEvent.owner_id == owner_id)
    if type:
        conditions.append(AuditEvent.type == type)
    if client_id:
        conditions.append(AuditEvent.client_id == client_id)
    with database.reading() as session:
        wanted = select(AuditEvent).where(*conditions)
        return lists.read(session, wanted, by=(AuditEvent.seq,), name="audit", part=part)


def purge(before_us: int) -> int:
    """Cut away the events before a time and leave a signed checkpoint; returns how many went.

    Only a beginning goes: where the clock once stood still or went back, the log keeps more than asked for.
    """
    gone = 0
    while count := _purge_some(before_us):
        gone += count
    return gone


def _purge_some(before_us: int) -> int:
    with database.transaction() as session:
        session.execute(select(AuditHead.seq).where(AuditHead.id == 1).with_for_update())
        oldest = select(AuditEvent.seq, AuditEvent.hash, AuditEvent.at_us).order_by(AuditEvent.seq)
        rows = session.execute(oldest.limit(PURGED_AT_ONCE)).all()
        batch = list(itertools.takewhile(lambda row: row.at_us < before_us, rows))
        if not batch:
            return 0
        last = batch[-1]
        _cut(session, audit_seals.checkpoint(last.seq, last.hash, clock.now_us(), purged=True))
        return len(batch)


def _cut(session: Session, checkpoint: dict[str, Any]) -> None:
    """Put a checkpoint in the place of everything up to it."""
    if database.dialect() == "postgresql":
        # The server's role may append alone; the function is the owner's (domain/running/roles.py).
        session.execute(text("SELECT audit_cut(:seq, :hash, :at_us, :signature)"), checkpoint)
        return
    session.execute(delete(AuditCheckpoint).where(AuditCheckpoint.seq <= checkpoint["seq"]))
    # Before the rows: the database's trigger lets nothing go that no purge's checkpoint covers.
    session.execute(insert(AuditCheckpoint).values(**checkpoint))
    session.execute(delete(AuditEvent).where(AuditEvent.seq <= checkpoint["seq"]))


def rows(session: Session, *, after: int = 0) -> Iterator[dict[str, Any]]:
    """Every event behind a number, oldest first, as plain dictionaries, read in batches."""
    while True:
        batch = session.execute(
            select(AuditEvent.__table__).where(AuditEvent.seq > after).order_by(AuditEvent.seq).limit(1000)
        ).all()
        if not batch:
            return
        for row in batch:
            yield dict(row._mapping)
        after = batch[-1].seq


def _walk(session: Session, first: tuple[int, str], checkpoints: dict[int, str]) -> Verdict:
    (seq, last), checked = first, 0
    for row in rows(session, after=seq):
        if row["seq"] != seq + 1:
            return Verdict(False, checked, f"#{seq + 1} is missing", seq, last)
        if row["prev_hash"] != last or row["hash"] != digest(row):
            return Verdict(False, checked, f"#{row['seq']} was changed", seq, last)
        if checkpoints.pop(row["seq"], row["hash"]) != row["hash"]:
            return Verdict(False, checked, f"#{row['seq']} is not what its checkpoint says", seq, last)
        seq, last, checked = row["seq"], row["hash"], checked + 1
    if checkpoints:
        return Verdict(False, checked, f"#{min(checkpoints)} has a checkpoint and is missing", seq, last)
    return Verdict(True, checked, "", seq, last)


def _leave_checkpoint(session: Session, row: dict[str, Any]) -> None:
    checkpoint = audit_seals.checkpoint(row["seq"], row["hash"], row["at_us"])
    session.connection().execute(_CHECKPOINT, checkpoint)
    if context.current().actor != "cli":  # a shell's stderr is no place to keep it
        tell = functools.partial(
            logs.event, "audit_checkpoint", seq=row["seq"], hash=row["hash"], signature=checkpoint["signature"].hex()
        )
        event.listen(session, "after_commit", lambda _session: tell(), once=True)


def fingerprint(user_agent: str) -> str:
    """What the log keeps of a browser: enough to tell two apart, and not what it says of itself."""
    return hashlib.sha256(user_agent.encode(errors="replace")).hexdigest()[:16] if user_agent else ""


def _text(value: str, length: int) -> str:
    # What PostgreSQL cannot store must not undo the change that is recorded.
    return value.replace("\x00", "").encode(errors="replace").decode()[:length]
