"""Counters and last-used times, gathered in memory and written in batches: no request pays a write for them."""

from __future__ import annotations

import atexit
import os
import threading
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import Executable, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from authserver import database
from authserver.lib import clock
from authserver.models import ApiKey, ClientSecret, UsageCount
from authserver.observability import context, logs

FLUSH_SECONDS = 5.0
HOUR = 3600
# Rows whose last use is noted, by the name callers use.
NOTED: Mapping[str, type[ApiKey] | type[ClientSecret]] = {"api_keys": ApiKey, "client_secrets": ClientSecret}

_lock = threading.Lock()
_counts: Counter[tuple[int, str, str]] = Counter()
_uses: dict[tuple[str, str], tuple[int, str]] = {}
_flusher_pid = 0


def count(metric: str, subject: str = "", n: int = 1) -> None:
    """Count something in this hour; `subject` is `client:…`, `user:…`, `key:…` or empty."""
    _start_flusher()
    key = (clock.now() // HOUR * HOUR, metric, subject)
    with _lock:
        _counts[key] += n


def note_used(table: str, id: str) -> None:
    """Note that a secret or a key was used now, from the address of this request."""
    _start_flusher()
    with _lock:
        _uses[table, id] = (clock.now(), context.current().ip)


def flush() -> None:
    """Write what was gathered; what could not be written is kept for the next time."""
    with _lock:
        counts, uses = dict(_counts), dict(_uses)
        _counts.clear()
        _uses.clear()
    if not counts and not uses:
        return
    try:
        _write(counts, uses)
    except Exception as failure:
        with _lock:
            _counts.update(counts)
            for key, value in uses.items():
                _uses.setdefault(key, value)
        logs.failure("usage_not_written", failure, level="warning")


def totals(metric: str, *, since: int, subjects: list[str] | None = None) -> int:
    """How often something happened since a time (epoch seconds, counted by whole hours)."""
    conditions = [UsageCount.metric == metric, UsageCount.hour >= since // HOUR * HOUR]
    if subjects is not None:
        conditions.append(UsageCount.subject.in_(subjects))
    with database.reading() as session:
        return int(session.scalar(select(func.coalesce(func.sum(UsageCount.count), 0)).where(*conditions)) or 0)


def per_day(metric: str, *, days: int, subjects: list[str] | None = None) -> list[tuple[int, int]]:
    """(start of the UTC day, count) for the last days, oldest first, with zeroes."""
    today = clock.now() // 86_400 * 86_400
    first = today - (days - 1) * 86_400
    conditions = [UsageCount.metric == metric, UsageCount.hour >= first]
    if subjects is not None:
        conditions.append(UsageCount.subject.in_(subjects))
    with database.reading() as session:
        rows = session.execute(
            select(UsageCount.hour, func.sum(UsageCount.count)).where(*conditions).group_by(UsageCount.hour)
        ).all()
    found: Counter[int] = Counter()
    for hour, number in rows:
        found[hour // 86_400 * 86_400] += int(number)
    return [(day, found[day]) for day in range(first, today + 1, 86_400)]


def _write(counts: dict[tuple[int, str, str], int], uses: dict[tuple[str, str], tuple[int, str]]) -> None:
    with database.transaction() as session:
        for (hour, metric, subject), n in sorted(counts.items()):
            session.execute(_increment(hour, metric, subject, n))
        for (table, id), (at, ip) in sorted(uses.items()):
            model = NOTED[table]
            newer = or_(model.last_used_at.is_(None), model.last_used_at <= at)
            session.execute(update(model).where(model.id == id, newer).values(last_used_at=at, last_used_ip=ip))


def _increment(hour: int, metric: str, subject: str, n: int) -> Executable:
    insert = sqlite.insert if database.dialect() == "sqlite" else postgresql.insert
    statement = insert(UsageCount).values(hour=hour, metric=metric, subject=subject, count=n, sample=False)
    return statement.on_conflict_do_update(
        index_elements=["hour", "metric", "subject"], set_={"count": UsageCount.count + n}
    )


def _start_flusher() -> None:
    # Threads do not survive a fork: each process starts its own at its first count.
    global _flusher_pid
    if _flusher_pid == os.getpid():
        return
    with _lock:
        if _flusher_pid == os.getpid():
            return
        _flusher_pid = os.getpid()
    atexit.register(flush)
    threading.Thread(target=_flush_for_ever, name="usage", daemon=True).start()


_stop = threading.Event()


def _flush_for_ever() -> None:
    while not _stop.wait(FLUSH_SECONDS):
        flush()
