"""What a person's keys and apps used, for /usage and GET /v1/usage: from the counters that the limits feed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import case, func, select

from authserver import database
from authserver.domain.ground import usage
from authserver.domain.limits import rate_limits
from authserver.lib import clock
from authserver.models import ApiKey, Client, UsageCount, UsageTotal

MOST = 100  # credentials of everybody that a report names
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
    for hour, metric, count in _sums(subjects, first):
        found[hour // usage.DAY * usage.DAY, metric] += count
    return [
        (day, {metric: found[day, metric] for metric in METRICS})
        for day in range(first, first + days * usage.DAY, usage.DAY)
    ]


def per_subject(subjects: Collection[str] | None, *, days: int) -> dict[str, dict[str, int]]:
    """Count by metric for each subject in the last days, and `peak`: the most requests in one hour.

    Of everybody's (None) no more than the MOST with the most requests in the last day.
    """
    if subjects is None:
        subjects = busiest(MOST)
    counted = (
        select(UsageCount.subject, UsageCount.metric, func.sum(UsageCount.count), func.max(UsageCount.count))
        .where(
            UsageCount.subject.in_(subjects), UsageCount.metric.in_(METRICS), UsageCount.hour >= _first_day(days),
            UsageCount.subject != "",
        )
        .group_by(UsageCount.subject, UsageCount.metric)
    )  # fmt: skip
    found: dict[str, dict[str, int]] = {}
    with database.reading() as session:
        for subject, metric, count, peak in session.execute(counted):
            sums = found.setdefault(subject, {**dict.fromkeys(METRICS, 0), "peak": 0})
            sums[metric] = int(count)
            if metric == rate_limits.REQUESTS:
                sums["peak"] = int(peak)
    return found


def _first_day(days: int) -> int:
    return clock.now() // usage.DAY * usage.DAY - (days - 1) * usage.DAY


def busiest(most: int) -> list[str]:
    """Whose requests were refused by a limit most in the last day, and who made most, the first first.

    This reads a row for each credential and hour of use, so that it grows with what is in use, not with what there is.
    """
    lately = [UsageCount.hour.in_(last_hours()), UsageCount.subject != ""]
    refused = func.sum(case((UsageCount.metric == rate_limits.REFUSED, UsageCount.count), else_=0))
    wanted = (
        select(UsageCount.subject)
        .where(UsageCount.metric.in_((rate_limits.REQUESTS, rate_limits.REFUSED)), *lately)
        .group_by(UsageCount.subject)
        .order_by(refused.desc(), func.sum(UsageCount.count).desc(), UsageCount.subject)
    )
    with database.reading() as session:
        return list(session.scalars(wanted.limit(most)))


def last_hours() -> list[int]:
    """The beginnings of the hours of the last day: named one by one, other metrics of theirs are not read."""
    now = clock.now() // usage.HOUR * usage.HOUR
    return list(range(now, now - usage.DAY, -usage.HOUR))


def _sums(subjects: Collection[str] | None, first: int) -> Sequence[tuple[int, str, int]]:
    counted = UsageTotal if subjects is None else UsageCount
    wanted = select(counted.hour, counted.metric, func.sum(counted.count)).where(
        counted.hour >= first, counted.metric.in_(METRICS)
    )
    if subjects is not None:
        wanted = wanted.where(UsageCount.subject.in_(subjects))
    with database.reading() as session:
        rows = session.execute(wanted.group_by(counted.hour, counted.metric))
        return [(int(hour), metric, int(count)) for hour, metric, count in rows]
