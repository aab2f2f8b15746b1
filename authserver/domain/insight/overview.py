"""What the first page says: figures of the last day and two weeks, for one person or for the whole server."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select

from authserver import database
from authserver.domain.ground import lists, usage
from authserver.domain.insight import audit_search
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.lib import clock
from authserver.models import ApiKey, Client, User, WebhookEndpoint

CHART_DAYS = 14
METRICS = (usage.TOKENS, usage.INTROSPECTIONS, usage.REFUSALS)
# From when on a webhook that fails is told of, as by mail (ux.md 2.10).
TELL_AFTER_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts of the last 24 hours, `tokens_before` of the 24 hours before; `per_day` is (start of the day, tokens).

    `has_samples` and `samples_today` say whether the demo made some of the figures up.
    """

    apps: int
    keys: int
    tokens: int
    tokens_before: int
    checks: int
    failed_sign_ins: int
    refusals: int
    per_day: list[tuple[int, int]]
    has_samples: bool
    samples_today: bool


@dataclass(frozen=True, slots=True)
class Broken:
    """A webhook that gets nothing: switched off by the server at `since`, or, where `off` is False, failing since."""

    id: str
    name: str
    off: bool
    gone: bool
    since: int


def broken_webhooks(owner_id: str) -> list[Broken]:
    """A person's webhooks that the server switched off, or that have been failing for a day, the latest first."""
    hook = WebhookEndpoint
    off = hook.stopped_because.in_((webhook_endpoints.FAILING, webhook_endpoints.GONE))
    failing = and_(hook.stopped_at.is_(None), hook.failing_since <= clock.now() - TELL_AFTER_SECONDS)
    with database.reading() as session:
        rows = session.scalars(
            select(hook).where(
                hook.owner_id == owner_id, hook.deleted_at.is_(None), hook.draft.is_(False), or_(off, failing)
            )
        ).all()
    found = [
        Broken(
            row.id,
            row.name,
            off=row.stopped_at is not None,
            gone=row.stopped_because == webhook_endpoints.GONE,
            since=row.stopped_at or row.failing_since or 0,
        )
        for row in rows
    ]
    return sorted(found, key=lambda each: -each.since)


def of(user: User) -> Overview:
    """The figures a person may see: of their own apps, or, for an administrator, of everything.

    `apps`, `keys` and `failed_sign_ins` as `lists.count` counts.
    """
    owner_id = None if user.is_admin else user.id
    subjects = None if owner_id is None else _subjects(owner_id)
    # Whole hours, this one included.
    day = (clock.now() // usage.HOUR + 1) * usage.HOUR - usage.DAY
    hours = usage.by_hour(METRICS, since=clock.now() - CHART_DAYS * usage.DAY, subjects=subjects)
    apps, keys = _owned(owner_id)

    def counted(metric: str, since: int = day, until: int | None = None) -> int:
        return sum(each.count for each in hours if each.metric == metric and since <= each.at < (until or each.at + 1))

    return Overview(
        apps=apps,
        keys=keys,
        tokens=counted(usage.TOKENS),
        tokens_before=counted(usage.TOKENS, day - usage.DAY, day),
        checks=counted(usage.INTROSPECTIONS),
        failed_sign_ins=audit_search.count("user.login_failed", since=clock.now() - usage.DAY, visible_to=owner_id),
        refusals=counted(usage.REFUSALS),
        per_day=usage.days_of(
            ((each.at, each.count) for each in hours if each.metric == usage.TOKENS), days=CHART_DAYS
        ),
        has_samples=any(each.sample for each in hours),
        samples_today=any(each.sample for each in hours if each.at >= day),
    )


def _subjects(owner_id: str) -> list[str]:
    with database.reading() as session:
        return [f"client:{id}" for id in session.scalars(select(Client.id).where(Client.owner_id == owner_id))]


def _owned(owner_id: str | None) -> tuple[int, int]:
    """How many apps there are, and how many keys that work."""
    apps: list[ColumnElement[bool]] = [Client.deleted_at.is_(None)]
    lasting = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > clock.now())
    keys: list[ColumnElement[bool]] = [ApiKey.revoked_at.is_(None), lasting]
    if owner_id is not None:
        apps.append(Client.owner_id == owner_id)
        keys.append(ApiKey.owner_id == owner_id)
    with database.reading() as session:
        of_apps, of_keys = lists.counts(session, select(Client.id).where(*apps), select(ApiKey.id).where(*keys))
    return of_apps, of_keys
