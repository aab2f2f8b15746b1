"""Looking into the audit log: who may see which events, and the filters of the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import ColumnElement, Select, and_, false, func, literal, not_, or_, select, true
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import lists
from authserver.domain.ground.lists import Part, Rows
from authserver.domain.insight.audit_sentences import GROUPS
from authserver.domain.people import users
from authserver.domain.record import audit
from authserver.models import ApiKey, AuditEvent, Client

RESULTS = ("ok", "refused")
ROWS_AT_ONCE = 500
# How far the clock may once have gone back: numbers follow times but for that.
SLACK_US = 3600 * 1_000_000
# What an id is of, by its beginning; client ids may also be chosen freely, and the other things have names.
_KINDS = {"usr": "user", "cl_": "client", "key_": "key", "gr": "grant", "wh_": "webhook", "ses": "session"}
_OURS = re.compile(r"(usr|key_|wh_|ses)[0-9A-Za-z]{16,}")  # nobody chooses one
_NAMED = ("scope", "resource", "level", "route_table", "signing_key", "access_token", "host")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search. `visible_to` is a person's id, None for administrators; times are epoch seconds.

    `about` is an id, a reference such as `client:…`, a request id, a type, or (for administrators) an email address.
    """

    visible_to: str | None = None
    group: str = ""
    result: str = ""
    since: int | None = None
    until: int | None = None
    about: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether anything but the viewer narrows it."""
        return bool(self.group or self.result or self.since or self.until or self.about)


def page(wanted: Wanted, **part: Unpack[Part]) -> tuple[Rows[AuditEvent], int]:
    """Events, newest first, and how many there are, as `lists.read` counts."""
    with database.reading() as session:
        sources, conditions = _split(session, wanted)
        events = select(AuditEvent).where(*conditions)
        return lists.read(session, events, by=(AuditEvent.seq,), name="audit", part=part, sources=sources)


def latest(wanted: Wanted, *, limit: int) -> list[AuditEvent]:
    """The newest events, uncounted."""
    with database.reading() as session:
        sources, conditions = _split(session, wanted)
        events = select(AuditEvent).where(*conditions)
        return lists.rows(session, events, by=(AuditEvent.seq,), name="audit", part={"limit": limit}, sources=sources)


def count(type: str, *, since: int, visible_to: str | None = None) -> int:
    """How many events of one type a viewer would find since a time (epoch seconds), as `lists.count` counts."""
    with database.reading() as session:
        sources, conditions = _split(session, Wanted(visible_to=visible_to, since=since))
        conditions.append(AuditEvent.type == type)
        return lists.count(session, select(AuditEvent).where(*conditions), sources or _of_types([type]))


def export(wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Every event that fits, oldest first, as plain dictionaries; no transaction stays open between two batches."""
    after = -1
    while True:
        with database.reading() as session:
            batch = session.execute(_oldest(session, wanted, after)).all()
        for row in batch:
            yield dict(row._mapping)
        if len(batch) < ROWS_AT_ONCE:
            return
        after = batch[-1].seq


def _oldest(session: Session, wanted: Wanted, after: int) -> Select[Any]:
    """The next events of an export."""
    sources, conditions = _split(session, wanted)
    conditions.append(AuditEvent.seq > after)
    if sources is not None:
        heads = [
            select(AuditEvent.seq).where(*conditions, each).order_by(AuditEvent.seq).limit(ROWS_AT_ONCE)
            for each in sources
        ]
        conditions = [AuditEvent.seq.in_(lists.together(heads)) if heads else false()]
    return select(AuditEvent.__table__).where(*conditions).order_by(AuditEvent.seq).limit(ROWS_AT_ONCE)


def note_export(format: str, filters: dict[str, str]) -> None:
    """Record that somebody took a copy of the log."""
    with database.transaction() as session:
        audit.record(session, "audit.exported", format=format, filters=filters)


def _split(session: Session, wanted: Wanted) -> tuple[list[ColumnElement[bool]] | None, list[ColumnElement[bool]]]:
    """A search as `lists.read` wants it: sources (None: the log's own order will do), and what else has to fit.

    Whose it is comes first, for it is all that its viewer may find; then what it is about, then its kind.
    """
    owned = None if wanted.visible_to is None else _concerning(session, wanted.visible_to)
    results = (wanted.result,) if wanted.result in RESULTS else RESULTS
    types = _of_types(GROUPS[wanted.group][1], results) if wanted.group in GROUPS else None
    narrow = owned is not None or bool(wanted.about)
    filters = _filters(wanted, narrow=narrow or types is not None)
    if types is not None and narrow:
        filters.append(lists.unindexed(AuditEvent.type).in_(GROUPS[wanted.group][1]))
    if owned is None:
        return _disjoint(_about(wanted.about, None)) if wanted.about else types, filters
    if wanted.about:
        filters.append(or_(*_about(wanted.about, wanted.visible_to, lists.unindexed)))
    return owned, filters


def _of_types(types: Iterable[str], results: Sequence[str] = RESULTS) -> list[ColumnElement[bool]]:
    # With the result, as the index has it: most events of a type may have one that is not asked for.
    return [and_(AuditEvent.type == each, AuditEvent.result == result) for each in types for result in results]


def _filters(wanted: Wanted, *, narrow: bool) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if wanted.result in RESULTS:
        filters.append((lists.unindexed(AuditEvent.result) if narrow else AuditEvent.result) == wanted.result)
    if wanted.since is not None:
        earliest = wanted.since * 1_000_000
        first = select(AuditEvent.seq).where(AuditEvent.at_us >= earliest - SLACK_US).order_by(AuditEvent.at_us)
        filters += [AuditEvent.at_us >= earliest, AuditEvent.seq >= first.limit(1).scalar_subquery()]
    if wanted.until is not None:
        end = wanted.until * 1_000_000
        last = select(AuditEvent.seq).where(AuditEvent.at_us < end + SLACK_US).order_by(AuditEvent.at_us.desc())
        filters += [AuditEvent.at_us < end, AuditEvent.seq <= last.limit(1).scalar_subquery()]
    return filters


def _concerning(session: Session, user_id: str) -> list[ColumnElement[bool]]:
    """About the person, their apps and keys (contract 11.4)."""
    others = AuditEvent.owner_id.is_distinct_from(user_id)
    apps = session.scalars(select(Client.id).where(Client.owner_id == user_id).order_by(Client.id))
    return [AuditEvent.owner_id == user_id, *(and_(AuditEvent.client_id == each, others) for each in apps)]


def _about(
    text: str, visible_to: str | None, column: Callable[[Any], Any] = lambda each: each
) -> list[ColumnElement[bool]]:
    """What fits a thing, as far as this viewer reads of it; `column` is how the log's columns are named."""
    text = text.replace("\x00", "")
    actor, target = column(AuditEvent.actor), column(AuditEvent.target)
    found = users.find_by_email(text) if visible_to is None and "@" in text else None
    if found is not None:
        return [actor == f"user:{found.id}", AuditEvent.owner_id == found.id]
    told = {id(actor): _named(AuditEvent.actor, visible_to), id(target): _named(AuditEvent.target, visible_to)}
    if known := _OURS.fullmatch(text):
        name = f"{_KINDS[known[1]]}:{text}"
        return [(each == name) & told[id(each)] for each in (actor, target)]
    kinds = dict.fromkeys([*(kind for start, kind in _KINDS.items() if text.startswith(start)), "client"])
    names = [text] if ":" in text else [text, *(f"{kind}:{text}" for kind in kinds)]
    fits = [column(AuditEvent.request_id) == text, column(AuditEvent.client_id) == text]
    fits += [and_(column(AuditEvent.type) == text, column(AuditEvent.result) == result) for result in RESULTS]
    fits += [(each == name) & told[id(each)] for each in (actor, target) for name in names]
    fits.append(target.in_([f"{kind}:{text}" for kind in _NAMED]) & told[id(target)])
    return fits


def _named(reference: Any, visible_to: str | None) -> ColumnElement[bool]:
    """Whether this viewer reads the reference: what is told as "another person" is not found, letter by letter."""
    if visible_to is None:
        return true()
    own_keys = select(literal("key:") + ApiKey.id).where(ApiKey.owner_id == visible_to)
    strange = or_(reference.startswith("user:"), reference.startswith("key:"))
    return or_(not_(strange), reference == f"user:{visible_to}", reference.in_(own_keys))


def _disjoint(fits: Sequence[ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    """The same conditions, of which no row fits two."""
    return [and_(each, *(func.coalesce(not_(before), true()) for before in fits[:at])) for at, each in enumerate(fits)]
