"""Why a request was refused: kept seven days for the owner of the client or key that made it (contract 11.19)."""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Unpack

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import lists, usage
from authserver.domain.ground.background import Background
from authserver.domain.ground.lists import Part, Rows
from authserver.domain.limits import rate_limits
from authserver.errors import Check, NotFound
from authserver.lib import clock, secrets
from authserver.models import ApiKey, Client, User
from authserver.models import Refusal as Refusal  # what pages and the API are handed
from authserver.observability import context, logs

KEPT_SECONDS = 7 * 86_400
PER_CREDENTIAL = 100  # an hour
# Of all keys and apps of one person together, and of all apps that nobody owns but the installation's.
POLICY, PER_OWNER = "refusals", "2000/hour"
CLAIMED, ANSWERED = "claimed:", "answered:"  # what is counted apart
MAX_PENDING = 2000
MAX_AGENT = 200  # characters of the name of a program
MAX_VALUE = 400  # characters of an expected or received value
# Whoever was refused opens the explanation at once, perhaps at another worker: a batch waits no longer than this, which
# is ten writes a second at most. Who looks in between waits for it, for an id that could be one.
BATCH_SECONDS = 0.1
LOOKS = 3
_REQUEST_ID = re.compile(r"req[0-9A-Za-z]{20}")

_lock = threading.Lock()
_writing = threading.Lock()
_looking = threading.Lock()
_pending: list[dict[str, Any]] = []
_noted = threading.Event()
_never = threading.Event()


def _after_fork() -> None:
    global _lock, _writing, _looking, _noted
    _lock, _writing, _looking, _noted = threading.Lock(), threading.Lock(), threading.Lock(), threading.Event()
    _pending.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def note(
    request_id: str,
    *,
    kind: str,
    code: str,
    status: int,
    message: str = "",
    client_id: str | None = None,
    key_id: str | None = None,
    owner_id: str | None = None,
    checks: Iterable[Check] = (),
    proven: bool = True,
    answered: bool = False,
) -> None:
    """Remember a refusal if anybody is there to read it; written in batches, and never with a credential in it.

    `kind` is authorize, token, introspection, gateway or api. `owner_id` is the person behind the credential.
    `proven` False: anybody could have sent it under this name. Such refusals have a budget of their own, so that making
    them up leaves room for the real ones. So have answers that were given, and are of no use to who asked (`answered`).
    """
    credential = f"key:{key_id}" if key_id else f"client:{client_id}" if client_id else f"user:{owner_id or ''}"
    if not request_id or not (client_id or key_id or owner_id):
        return
    row = {
        "request_id": request_id[:40],
        "at": clock.now(),
        "kind": kind,
        "code": code[:60],
        "message": secrets.redact(message)[:300],
        "status": status,
        "credential": f"{ANSWERED if answered else '' if proven else CLAIMED}{credential}"[:100],
        "client_id": client_id[:64] if client_id else None,
        "key_id": key_id,
        "owner_id": owner_id,
        # Where somebody signs in from, and with what, is none of the app's business.
        "ip": "" if kind == "authorize" else context.current().ip[:45],
        "user_agent": "" if kind == "authorize" else _program(context.current().user_agent),
        "checks": [_clean(check) for check in checks],
    }
    with _lock:
        if len(_pending) < (MAX_PENDING if proven and not answered else MAX_PENDING // 2):
            _pending.append(row)
    usage.flush_also(flush)
    _writer.start()
    _noted.set()


def flush() -> None:
    """Write what was gathered, at most 100 of a credential and hour."""
    with _writing:
        with _lock:
            rows, _pending[:] = list(_pending), []
        if not rows:
            return
        try:
            _write(rows)
        except Exception as failure:
            logs.failure("refusals_not_written", failure, level="warning")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: a person (an administrator sees all), or a credential that sees its own refusals alone."""

    user: User | None = None
    key_id: str | None = None
    client_id: str | None = None
    owner_id: str | None = None  # with a client: only what it did for this person; None: for itself and everybody


def get(viewer: Viewer, request_id: str) -> Refusal:
    """One refusal, also one of a moment ago; strangers get the NotFound of an unknown id."""
    flush()
    found = _find(viewer, request_id)
    if found is None and _REQUEST_ID.fullmatch(request_id):
        found = _awaited(viewer, request_id)
    if found is None:
        raise NotFound("There is no such refusal.")
    return found


def _awaited(viewer: Viewer, request_id: str) -> Refusal | None:
    """One that another worker may be about to write. One at a time in each process: ids are made up in no time, and
    whoever waits here holds one of the few threads of everybody.
    """
    if not _looking.acquire(blocking=False):
        return None
    try:
        for _ in range(LOOKS):
            _never.wait(BATCH_SECONDS)
            if (found := _find(viewer, request_id)) is not None:
                return found
    finally:
        _looking.release()
    return None


def page(viewer: Viewer, *, about: str = "", **part: Unpack[Part]) -> tuple[Rows[Refusal], int]:
    """Refusals, newest first, and how many (`lists.read`); `about` is the id of a client or key."""
    flush()
    conditions = [Refusal.at >= _oldest()]
    with database.reading() as session:
        sources = _sources(session, viewer)
        if about:
            conditions += [] if sources is None else [or_(false(), *sources)]
            other = Refusal.client_id.is_distinct_from(about)
            sources = [Refusal.client_id == about, and_(Refusal.key_id == about, other)]
        wanted = select(Refusal).where(*conditions)
        by = (Refusal.at, Refusal.request_id)
        return lists.read(session, wanted, by=by, name="refusals", part=part, sources=sources)


def names(rows: Sequence[Refusal]) -> dict[str, str]:
    """The names of their clients and keys, by id."""
    with database.reading() as session:
        apps = session.execute(select(Client.id, Client.name).where(Client.id.in_({row.client_id for row in rows})))
        keys = session.execute(select(ApiKey.id, ApiKey.name).where(ApiKey.id.in_({row.key_id for row in rows})))
        return dict((*apps, *keys))


def _find(viewer: Viewer, request_id: str) -> Refusal | None:
    with database.reading() as session:
        sources = _sources(session, viewer)
        visible = [] if sources is None else [or_(false(), *sources)]
        return session.scalar(
            select(Refusal).where(Refusal.request_id == request_id, Refusal.at >= _oldest(), *visible)
        )


def _sources(session: Session, viewer: Viewer) -> list[ColumnElement[bool]] | None:
    """What a viewer may see, as `lists.read` wants it; None: everything."""
    user = viewer.user
    if user is None:
        return [_own(viewer)]
    if user.is_admin:
        return None
    # An app's developer sees the refusals of the app; a person those of their own keys. Who only signed in to
    # somebody else's app is told by the app.
    own_apps = session.scalars(select(Client.id).where(Client.owner_id == user.id).order_by(Client.id))
    own_keys = (Refusal.owner_id == user.id) & Refusal.client_id.is_(None)
    return [own_keys, *(Refusal.client_id == each for each in own_apps)]


def _own(viewer: Viewer) -> ColumnElement[bool]:
    if viewer.key_id:
        return Refusal.key_id == viewer.key_id
    if viewer.owner_id:
        return (Refusal.client_id == (viewer.client_id or "")) & (Refusal.owner_id == viewer.owner_id)
    return Refusal.client_id == (viewer.client_id or "")


def _oldest() -> int:
    return clock.now() - KEPT_SECONDS


def _clean(check: Check) -> dict[str, Any]:
    said = asdict(check)
    for name in ("expected", "received"):
        text = _text(said[name][: 4 * MAX_VALUE])
        said[name] = text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "…"
    return said


def _program(user_agent: str) -> str:
    """The name of a program; nothing of a browser, which is somebody's."""
    return "" if user_agent.startswith("Mozilla/") else _text(user_agent[:MAX_AGENT])


def _text(given: str) -> str:
    return secrets.redact("".join(sign for sign in given if sign.isprintable()))


def _write_for_ever() -> None:
    while True:
        _noted.wait()
        _noted.clear()
        _never.wait(BATCH_SECONDS)
        flush()


_writer = Background("refusals", _write_for_ever)


def _write(rows: list[dict[str, Any]]) -> None:
    with database.reading() as session:
        counts = _counts(session, {row["credential"] for row in rows})
        owners = _owners(session, {row["client_id"] for row in rows})
    kept = []
    for row in rows:
        counts[row["credential"]] += 1
        if counts[row["credential"]] <= PER_CREDENTIAL and _has_room(row, owners):
            kept.append(row)
    if kept:
        with database.transaction() as session:
            session.execute(database.insert(Refusal).values(kept).on_conflict_do_nothing())


def _owners(session: Session, client_ids: set[str | None]) -> dict[str, str]:
    """Who answers for each app: its owner; itself, if it is the installation's; nobody, if it registered itself."""
    apps = select(Client.id, Client.owner_id, Client.self_registered).where(Client.id.in_(client_ids - {None}))
    return {
        row.id: row.owner_id or ("nobody" if row.self_registered else f"client {row.id}")
        for row in session.execute(apps)
    }


def _has_room(row: dict[str, Any], owners: dict[str, str]) -> bool:
    """One person with a hundred keys and as many apps fills no disk. What is only claimed of them is counted apart."""
    whose = owners.get(row["client_id"] or "") or row["owner_id"] or ""
    kind = CLAIMED if str(row["credential"]).startswith(CLAIMED) else ""
    return rate_limits.consume(POLICY, f"{kind}{whose}", PER_OWNER).allowed


def _counts(session: Session, credentials: set[str]) -> Counter[str]:
    hour = clock.now() // usage.HOUR * usage.HOUR
    found = session.execute(
        select(Refusal.credential, func.count())
        .where(Refusal.credential.in_(credentials), Refusal.at >= hour)
        .group_by(Refusal.credential)
    ).all()
    return Counter({credential: int(number) for credential, number in found})
