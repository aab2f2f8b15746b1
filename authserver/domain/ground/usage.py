"""Counters and last-used times, gathered in memory and written in batches: no request pays a write for them."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Executable, bindparam, case, func, insert, or_, select, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground.background import Background
from authserver.lib import clock
from authserver.models import ApiKey, ClientSecret, Grant, UsageCount, UsageTotal
from authserver.observability import context, logs

T = TypeVar("T")
FLUSH_SECONDS = 5.0
HOUR = 3600
DAY = 24 * HOUR
# What is counted. The subject is `client:…` for the first three (empty if nobody was identified), `key:…` for the last.
TOKENS, REFUSALS, INTROSPECTIONS, KEY_CHECKS = "tokens", "refusals", "introspections", "key_checks"
# Rows whose last use is noted, by the name callers use.
NOTED: Mapping[str, type[ApiKey] | type[ClientSecret] | type[Grant]] = {
    "api_keys": ApiKey,
    "client_secrets": ClientSecret,
    "grants": Grant,
}
ROWS_AT_ONCE = 500
# A last use that could not be noted for so long is noted no more.
LATE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Hour:
    """What was counted in the hour that begins at `at` (epoch seconds); `sample`: the demo made some of it up."""

    at: int
    metric: str
    count: int
    sample: bool


_lock = threading.Lock()
_writing = threading.Lock()
_counts: Counter[tuple[int, str, str]] = Counter()
_uses: dict[tuple[str, str], tuple[int, str]] = {}
_others: list[Callable[[], None]] = []


def count(metric: str, subject: str = "", n: int = 1) -> None:
    """Count something in this hour; `subject` is `client:…`, `user:…`, `key:…` or empty."""
    _flusher.start()
    key = (clock.now() // HOUR * HOUR, metric, subject)
    with _lock:
        _counts[key] += n


def note_used(table: str, id: str, ip: str = "") -> None:
    """Note that a secret, a key or a grant was used now, from this address or that of the request."""
    _flusher.start()
    with _lock:
        _uses[table, id] = (clock.now(), ip or context.current().ip)


def flush_also(other: Callable[[], None]) -> None:
    """Let `other` be called whenever this writes: it gathers in the same way, and never raises."""
    if other not in _others:
        _others.append(other)
    _flusher.start()


def flush() -> None:
    """Write what was gathered; what could not be written, or is held by somebody else, is kept for the next time.

    A flush that another thread began is waited for: when this returns at the end of a process, nothing is on its way.
    """
    for each in tuple(_others):
        each()
    with _writing:
        with _lock:
            counts, uses = dict(_counts), dict(_uses)
            _counts.clear()
            _uses.clear()
        if not counts and not uses:
            return
        try:
            _write(counts, uses)
        except Exception as failure:
            _keep(counts, uses)
            logs.failure("usage_not_written", failure, level="warning")
        else:
            _keep({}, uses)


def total(metric: str, *, since: int, until: int | None = None, subjects: Sequence[str] | None = None) -> int:
    """How often something happened between two times (epoch seconds, counted by the hour in which they lie)."""
    counted = _counted(subjects)
    conditions = [counted.metric == metric, counted.hour >= since // HOUR * HOUR, *_of(subjects)]
    if until is not None:
        conditions.append(counted.hour < until // HOUR * HOUR)
    with database.reading() as session:
        return int(session.scalar(select(func.coalesce(func.sum(counted.count), 0)).where(*conditions)) or 0)


def per_day(metric: str, *, days: int, subjects: Sequence[str] | None = None) -> list[tuple[int, int]]:
    """(start of the UTC day, count) for the last days, oldest first, with zeroes."""
    first = clock.now() // DAY * DAY - (days - 1) * DAY
    counted = _counted(subjects)
    with database.reading() as session:
        rows = session.execute(
            select(counted.hour, func.sum(counted.count))
            .where(counted.metric == metric, counted.hour >= first, *_of(subjects))
            .group_by(counted.hour)
        ).all()
    return days_of(((hour, number) for hour, number in rows), days=days)


def per_day_of(metric: str, subjects: Sequence[str], *, days: int) -> dict[str, list[int]]:
    """The counts of the last days for each subject, oldest first, with zeroes; one statement for a whole list."""
    first = clock.now() // DAY * DAY - (days - 1) * DAY
    found = {subject: [0] * days for subject in subjects}
    with database.reading() as session:
        rows = session.execute(
            select(UsageCount.subject, UsageCount.hour, UsageCount.count).where(
                UsageCount.metric == metric, UsageCount.hour >= first, UsageCount.subject.in_(subjects)
            )
        ).all()
    for subject, hour, number in rows:
        found[subject][min((hour - first) // DAY, days - 1)] += number
    return found


def subjects(metric: str, *, since: int) -> list[str]:
    """Whom a metric was counted for since a time (epoch seconds); for one that few hours have."""
    hours = select(UsageTotal.hour).where(UsageTotal.metric == metric, UsageTotal.hour >= since // HOUR * HOUR)
    with database.reading() as session:
        found = session.scalars(
            select(UsageCount.subject)
            .where(UsageCount.metric == metric, UsageCount.hour.in_(hours))
            .distinct()
            .order_by(UsageCount.subject)
        )
        return list(found)


def has_samples(*, since: int = 0, subjects: Sequence[str] | None = None) -> bool:
    """Whether some of the figures from `since` (epoch seconds) on were made up by the demo."""
    wanted = select(UsageTotal.hour).where(UsageTotal.sample, UsageTotal.hour >= since).limit(1)
    with database.reading() as session:
        any_at_all = session.scalar(wanted) is not None
        if not any_at_all or subjects is None:
            return any_at_all
        conditions = [UsageCount.sample, UsageCount.hour >= since, *_of(subjects)]
        return session.scalar(select(UsageCount.hour).where(*conditions).limit(1)) is not None


def by_hour(metrics: Sequence[str], *, since: int, subjects: Sequence[str] | None = None) -> list[Hour]:
    """What happened in each hour from `since` (epoch seconds) on; one statement for a whole page of figures."""
    counted = _counted(subjects)
    conditions = [counted.metric.in_(metrics), counted.hour >= since // HOUR * HOUR, *_of(subjects)]
    sample = func.max(case((counted.sample, 1), else_=0))
    wanted = select(counted.hour, counted.metric, func.sum(counted.count), sample).where(*conditions)
    with database.reading() as session:
        rows = session.execute(wanted.group_by(counted.hour, counted.metric)).all()
    return [Hour(int(hour), metric, int(count), bool(sample)) for hour, metric, count, sample in rows]


def days_of(found: Iterable[tuple[int, int]], *, days: int) -> list[tuple[int, int]]:
    """(start of the UTC day, count) for the last days, oldest first, with zeroes, of (hour, count)."""
    today, sums = clock.now() // DAY * DAY, Counter[int]()
    for hour, number in found:
        sums[hour // DAY * DAY] += int(number)
    return [(day, sums[day]) for day in range(today - (days - 1) * DAY, today + 1, DAY)]


def put(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows of `usage_counts` that are not there yet, and add them to the totals."""
    session.execute(insert(UsageCount), rows)
    _add_up(session, rows)


def _counted(subjects: Sequence[str] | None) -> type[UsageCount] | type[UsageTotal]:
    """Where figures stand: everybody's are added up already."""
    return UsageTotal if subjects is None else UsageCount


def _of(subjects: Sequence[str] | None) -> list[ColumnElement[bool]]:
    return [] if subjects is None else [UsageCount.subject.in_(subjects)]


def _write(counts: dict[tuple[int, str, str], int], uses: dict[tuple[str, str], tuple[int, str]]) -> None:
    """Write in short transactions, and take from both what is written.

    Every worker counts the same things at the same time. Whoever holds rows holds a few, taken in the one order of all,
    and lets go of them before it waits for others. Who a last use is of is passed over while somebody else holds it.
    """
    for some in _few(sorted(counts)):
        with database.transaction() as session:
            rows = [_row(*each, counts[each]) for each in some]
            session.execute(_increment(UsageCount, rows, "subject"))
            _add_up(session, rows)  # last: the rows that all wait for are held for one statement
        for each in some:
            del counts[each]
    for table in NOTED:
        for some_uses in _few(sorted(use for use in uses if use[0] == table)):
            _note_uses(table, uses, some_uses)


def _few(many: Sequence[T]) -> Iterator[Sequence[T]]:
    return (many[start : start + ROWS_AT_ONCE] for start in range(0, len(many), ROWS_AT_ONCE))


def _row(hour: int, metric: str, subject: str, n: int) -> dict[str, Any]:
    return {"hour": hour, "metric": metric, "subject": subject, "count": n, "sample": False}


def _note_uses(table: str, uses: dict[tuple[str, str], tuple[int, str]], some: Sequence[tuple[str, str]]) -> None:
    """What is held by others stays among `uses`, unless it is old: the row may be gone."""
    model = NOTED[table]
    wanted = select(model.id).where(model.id.in_([id for _, id in some])).order_by(model.id)
    with database.transaction() as session:
        free = session.scalars(database.free(wanted, key_share=True)).all()
        if free:
            found = [(id, *uses[table, id]) for id in free]
            session.connection().execute(_note(table), [{"used": id, "at": at, "ip": ip} for id, at, ip in found])
    late = clock.now() - LATE_SECONDS
    for each in some:
        if each[1] in free or uses[each][0] < late:
            del uses[each]


def _note(table: str) -> Executable:
    """The UPDATE for many rows at once; a grant keeps no address, since its app's server is not its person."""
    model = NOTED[table]
    newer = or_(model.last_used_at.is_(None), model.last_used_at <= bindparam("at"))
    values: dict[str, Any] = {"last_used_at": bindparam("at")}
    if model is not Grant:
        values["last_used_ip"] = bindparam("ip")
    return update(model).where(model.id == bindparam("used"), newer).values(values)


def _add_up(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    sums: Counter[tuple[int, str, bool]] = Counter()
    for row in rows:
        sums[row["hour"], row["metric"], row.get("sample", False)] += row["count"]
    added = [
        {"hour": hour, "metric": metric, "sample": sample, "count": n}
        for (hour, metric, sample), n in sorted(sums.items())
    ]
    for start in range(0, len(added), ROWS_AT_ONCE):
        session.execute(_increment(UsageTotal, added[start : start + ROWS_AT_ONCE], "sample"))


def _increment(model: type[UsageCount] | type[UsageTotal], rows: list[dict[str, Any]], last: str) -> Executable:
    statement = database.insert(model).values(rows)
    return statement.on_conflict_do_update(
        index_elements=["hour", "metric", last], set_={"count": model.count + statement.excluded.count}
    )


def _keep(counts: dict[tuple[int, str, str], int], uses: dict[tuple[str, str], tuple[int, str]]) -> None:
    with _lock:
        _counts.update(counts)
        for key, use in uses.items():
            _uses.setdefault(key, use)


_stop = threading.Event()


def _flush_for_ever() -> None:
    # Workers that were started together do not flush together.
    _stop.wait(FLUSH_SECONDS * (os.getpid() % 8) / 8)
    while not _stop.wait(FLUSH_SECONDS):
        flush()


_flusher = Background("usage", _flush_for_ever, at_exit=flush)


def _after_fork() -> None:
    # What the parent gathered is the parent's to write, and its locks may be held by a thread that is not here.
    global _lock, _writing
    _lock, _writing = threading.Lock(), threading.Lock()
    _counts.clear()
    _uses.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
