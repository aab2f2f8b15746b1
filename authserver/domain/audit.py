"""The audit log: one event per fact, in the fact's own transaction, hash-chained."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from authserver import database, keyring
from authserver.lib import canonical_json, clock, sealing
from authserver.models import AuditCheckpoint, AuditEvent, AuditHead
from authserver.observability import context

GENESIS = "0" * 64
CHECKPOINT_EVERY = 1000
# The members that the hash covers, in no order: canonical JSON sorts them.
HASHED = (
    "seq", "at_us", "type", "actor", "target", "owner_id", "client_id", "result", "reason",
    "ip", "user_agent", "request_id", "data", "prev_hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: `sound`, how many events were read, and where the chain breaks."""

    sound: bool
    checked: int
    problem: str = ""


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

    `type` is a name of the contract's section 8 or one of our own; `owner_id` is the person whose history shows it.
    Never pass a secret in `data`.
    """
    session.flush()
    asked = context.current()
    head = session.execute(select(AuditHead.seq, AuditHead.hash).where(AuditHead.id == 1).with_for_update()).one()
    row: dict[str, Any] = {
        "seq": head.seq + 1,
        "at_us": clock.now_us(),
        "type": type,
        "actor": actor or asked.actor,
        "target": target,
        "owner_id": owner_id,
        "client_id": client_id,
        "result": result,
        "reason": reason[:200],
        "ip": asked.ip,
        "user_agent": hashlib.sha256(asked.user_agent.encode(errors="replace")).hexdigest()[:16]
        if asked.user_agent
        else "",
        "request_id": asked.request_id,
        "data": data,
        "prev_hash": head.hash,
    }
    row["hash"] = digest(row)
    session.execute(insert(AuditEvent).values(**row))
    session.execute(update(AuditHead).where(AuditHead.id == 1).values(seq=row["seq"], hash=row["hash"]))
    if row["seq"] % CHECKPOINT_EVERY == 0:
        session.execute(insert(AuditCheckpoint).values(**_checkpoint(row["seq"], row["hash"], row["at_us"])))


def digest(row: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a row, which holds the hash before it."""
    return hashlib.sha256(canonical_json.dumps({name: row[name] for name in HASHED})).hexdigest()


def verify() -> Verdict:
    """Walk the chain from its start, or from the last purge's checkpoint, and compare every hash."""
    with database.reading() as session:
        head = session.execute(select(AuditHead.seq, AuditHead.hash)).one()
        start = session.scalar(
            select(AuditCheckpoint).where(AuditCheckpoint.purged).order_by(AuditCheckpoint.seq.desc()).limit(1)
        )
        if start is not None and not _signature_holds(start):
            return Verdict(False, 0, f"the checkpoint at #{start.seq} is not signed by us")
        seq, last = (start.seq, start.hash) if start else (0, GENESIS)
        checked = 0
        for row in _rows(session, after=seq):
            if row["seq"] != seq + 1:
                return Verdict(False, checked, f"#{seq + 1} is missing")
            if row["prev_hash"] != last or row["hash"] != digest(row):
                return Verdict(False, checked, f"#{row['seq']} was changed")
            seq, last, checked = row["seq"], row["hash"], checked + 1
        if (head.seq, head.hash) != (seq, last):
            return Verdict(False, checked, f"the log ends at #{seq}, its head says #{head.seq}")
        for checkpoint in session.scalars(select(AuditCheckpoint).where(AuditCheckpoint.seq > (start.seq if start else 0))):
            if not _signature_holds(checkpoint) or not _checkpoint_matches(session, checkpoint):
                return Verdict(False, checked, f"the checkpoint at #{checkpoint.seq} does not match")
    return Verdict(True, checked)


def page(
    *, owner_id: str | None = None, type: str = "", client_id: str = "", after_seq: int = 0, page: int = 1, limit: int = 20
) -> tuple[list[AuditEvent], int]:
    """Events, newest first, and how many there are; `owner_id` narrows to one person's history."""
    conditions = [AuditEvent.seq > after_seq]
    if owner_id is not None:
        conditions.append(AuditEvent.owner_id == owner_id)
    if type:
        conditions.append(AuditEvent.type == type)
    if client_id:
        conditions.append(AuditEvent.client_id == client_id)
    from sqlalchemy import func

    with database.reading() as session:
        total = session.scalar(select(func.count()).select_from(AuditEvent).where(*conditions)) or 0
        rows = session.scalars(
            select(AuditEvent)
            .where(*conditions)
            .order_by(AuditEvent.seq.desc())
            .limit(limit)
            .offset((page - 1) * limit)
        ).all()
    return list(rows), total


def export() -> Iterator[dict[str, Any]]:
    """Every event, oldest first, as plain dictionaries."""
    with database.reading() as session:
        yield from _rows(session, after=0)


def purge(before_us: int) -> int:
    """Cut away the events before a time and leave a signed checkpoint; returns how many went."""
    from sqlalchemy import delete, func

    with database.transaction() as session:
        session.execute(select(AuditHead.seq).where(AuditHead.id == 1).with_for_update())
        last = session.scalar(select(func.max(AuditEvent.seq)).where(AuditEvent.at_us < before_us))
        if last is None:
            return 0
        kept = session.execute(select(AuditEvent.hash).where(AuditEvent.seq == last)).one()
        session.execute(delete(AuditCheckpoint).where(AuditCheckpoint.seq <= last))
        session.execute(
            insert(AuditCheckpoint).values(**_checkpoint(last, kept.hash, clock.now_us()) | {"purged": True})
        )
        gone = session.execute(delete(AuditEvent).where(AuditEvent.seq <= last))
        return int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it


def _rows(session: Session, *, after: int) -> Iterator[dict[str, Any]]:
    while True:
        batch = session.execute(
            select(AuditEvent.__table__).where(AuditEvent.seq > after).order_by(AuditEvent.seq).limit(1000)
        ).all()
        if not batch:
            return
        for row in batch:
            yield dict(row._mapping)
        after = batch[-1].seq


def _checkpoint(seq: int, hash: str, at_us: int) -> dict[str, Any]:
    return {"seq": seq, "hash": hash, "at_us": at_us, "purged": False, "signature": _sign(seq, hash)}


def _sign(seq: int, hash: str) -> bytes:
    return sealing.sign(keyring.key("audit"), f"{seq}:{hash}".encode())


def _signature_holds(checkpoint: AuditCheckpoint) -> bool:
    return sealing.verify(keyring.keys("audit"), f"{checkpoint.seq}:{checkpoint.hash}".encode(), checkpoint.signature)


def _checkpoint_matches(session: Session, checkpoint: AuditCheckpoint) -> bool:
    return session.scalar(select(AuditEvent.hash).where(AuditEvent.seq == checkpoint.seq)) == checkpoint.hash
