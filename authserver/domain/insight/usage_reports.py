"""What a person's keys and apps used, for /usage and GET /v1/usage: from the counters that the limits feed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import select

from authserver import database
from authserver.domain.ground import usage
from authserver.domain.limits import rate_limits
from authserver.lib import clock
from authserver.models import ApiKey, Client, UsageCount

METRICS = (rate_limits.REQUESTS, rate_limits.REFUSED, usage.TOKENS, usage.INTROSPECTIONS, usage.REFUSALS)


def subjects_of(user_id: str) -> dict[str, str]:
    """What is counted for a person (`key:…`, `client:…`), with names."""
    with database.reading() as session:
        keys = session.execute(select(ApiKey.id, ApiKey.name).where(ApiKey.owner_id == user_id)).all()
        apps = session.execute(select(Client.id, Client.name).where(Client.owner_id == user_id)).all()
    return {f"key:{id}": name for id, name in keys} | {f"client:{id}": name for id, name in apps}


def per_day(subjects: Collection[str] | None, *, days: int) -> list[tuple[int, dict[str, int]]]:
    """(start of the UTC day, count by metric) for the last days, oldest first, with zeroes; None is everybody's."""
    first = _first_day(days)
    found: Counter[tuple[int, str]] = Counter()
    for hour, metric, _, count in _rows(subjects, first):
        found[hour // usage.DAY * usage.DAY, metric] += count
    return [
        (day, {metric: found[day, metric] for metric in METRICS})
        for day in range(first, first + days * usage.DAY, usage.DAY)
    ]


def per_subject(subjects: Collection[str] | None, *, days: int) -> dict[str, dict[str, int]]:
    """Count by metric for each subject in the last days, and `peak`: the most requests in one hour."""
    found: dict[str, dict[str, int]] = {}
    for _, metric, subject, count in _rows(subjects, _first_day(days)):
        if subject:
            sums = found.setdefault(subject, {**dict.fromkeys(METRICS, 0), "peak": 0})
            sums[metric] += count
            if metric == rate_limits.REQUESTS:
                sums["peak"] = max(sums["peak"], count)
    return found


def _first_day(days: int) -> int:
    return clock.now() // usage.DAY * usage.DAY - (days - 1) * usage.DAY


def _rows(subjects: Collection[str] | None, first: int) -> Sequence[tuple[int, str, str, int]]:
    if subjects is not None and not subjects:
        return []
    conditions = [UsageCount.hour >= first, UsageCount.metric.in_(METRICS)]
    if subjects is not None:
        conditions.append(UsageCount.subject.in_(subjects))
    with database.reading() as session:
        rows = session.execute(
            select(UsageCount.hour, UsageCount.metric, UsageCount.subject, UsageCount.count).where(*conditions)
        )
        return [(int(hour), metric, subject, int(count)) for hour, metric, subject, count in rows]
