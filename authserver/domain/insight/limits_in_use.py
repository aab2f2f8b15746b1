"""How the limits of keys and apps stand now, and what was refused: for /usage (ux.md 2.12)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, or_, select

from authserver import config, database
from authserver.domain.clients.metadata import CODE, MACHINE
from authserver.domain.ground import usage
from authserver.domain.limits import rate_limits
from authserver.domain.limits.rate_limits import State
from authserver.lib import clock
from authserver.models import ApiKey, Client, Grant, UsageCount, User

DAYS = 14
# Of how many people who use an app the busiest is looked for: each has a limit of their own there.
PEOPLE = 200
_PER = {1: "a second", 60: "a minute", 3600: "an hour", 86_400: "a day"}


@dataclass(slots=True)
class Figures:
    """Counts of a key or app: the busiest hour (its start in epoch seconds) of the last days; refusals in 24 hours."""

    requests: int = 0
    peak: int = 0
    peak_at: int | None = None
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a key or app, in words, as it stands; `holders` is how many people have one like it."""

    title: str
    state: State
    holders: int = 1

    @property
    def per(self) -> str:
        """How long its window is, in words."""
        return _PER.get(self.state.window, f"every {self.state.window:,} seconds")

    @property
    def used(self) -> int:
        """Requests of this window."""
        return self.state.limit - self.state.remaining


@dataclass(frozen=True, slots=True)
class Holder:
    """A key or an app with its limits."""

    kind: str  # key, app
    id: str
    name: str
    owner_email: str
    own_limit: str | None
    figures: Figures
    limits: tuple[Limit, ...] = field(default=())

    @property
    def resets_at(self) -> int | None:
        """When the first window that was begun ends, in epoch seconds."""
        return min((each.state.reset_at for each in self.limits if each.used), default=None)


@dataclass(frozen=True, slots=True)
class Report:
    """A page of keys and apps, those refused most and the busiest first, and how many there are.

    `per_day` is (start of the day in epoch seconds, requests), `offenders` (name, refusals in 24 hours).
    """

    holders: list[Holder]
    total: int
    per_day: list[tuple[int, int]]
    refused: int
    offenders: list[tuple[str, int]]
    has_samples: bool


def report(user: User, *, page: int = 1, limit: int = 20) -> Report:
    """What a person's keys and apps use; everybody's for an administrator."""
    usage.flush()
    owner_id = None if user.is_admin else user.id
    rows = {**_keys(owner_id), **_apps(owner_id)}
    subjects = None if owner_id is None else list(rows)
    figures = _figures(subjects)
    found = {each: figures.get(each, Figures()) for each in rows}
    order = sorted(rows, key=lambda each: (-found[each].refused, -found[each].requests, rows[each].name.lower()))
    shown = order[(page - 1) * limit : page * limit]
    return Report(
        holders=[_holder(each, rows[each], found[each]) for each in shown],
        total=len(order),
        per_day=usage.per_day(rate_limits.REQUESTS, days=DAYS, subjects=subjects),
        refused=sum(each.refused for each in figures.values()),
        offenders=_offenders(figures, rows) if user.is_admin else [],
        has_samples=usage.has_samples(since=clock.now() - DAYS * usage.DAY, subjects=subjects),
    )


def of(subjects: Collection[str]) -> dict[str, tuple[Limit, ...]]:
    """How the limits of these keys and apps (`key:…`, `client:…`) stand; those that no longer work are left out."""
    ids = [subject.partition(":")[2] for subject in subjects]
    rows = {**_keys(None, ids), **_apps(None, ids)}
    return {subject: _holder(subject, row, Figures()).limits for subject, row in rows.items()}


def _keys(owner_id: str | None, ids: Sequence[str] | None = None) -> dict[str, Any]:
    """Keys that work, by the subject of their figures."""
    lasting = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > clock.now())
    wanted = select(ApiKey.id, ApiKey.name, ApiKey.rate_limit, ApiKey.counted_with, User.email).join(
        User, User.id == ApiKey.owner_id
    )
    wanted = wanted.where(ApiKey.revoked_at.is_(None), lasting)
    if owner_id is not None:
        wanted = wanted.where(ApiKey.owner_id == owner_id)
    if ids is not None:
        wanted = wanted.where(ApiKey.id.in_(ids))
    with database.reading() as session:
        return {f"key:{row.id}": row for row in session.execute(wanted)}


def _apps(owner_id: str | None, ids: Sequence[str] | None = None) -> dict[str, Any]:
    """Apps that can get a credential, by the subject of their figures."""
    wanted = select(
        Client.id, Client.name, Client.rate_limit, Client.grant_types, Client.jwks, Client.jwks_uri, User.email
    ).outerjoin(User, User.id == Client.owner_id)
    wanted = wanted.where(Client.deleted_at.is_(None), Client.disabled_at.is_(None))
    if owner_id is not None:
        wanted = wanted.where(Client.owner_id == owner_id)
    if ids is not None:
        wanted = wanted.where(Client.id.in_(ids))
    with database.reading() as session:
        found = session.execute(wanted).all()
    return {f"client:{row.id}": row for row in found if row.grant_types or row.jwks or row.jwks_uri}


def _figures(subjects: Collection[str] | None) -> dict[str, Figures]:
    if subjects is not None and not subjects:
        return {}
    now = clock.now()
    conditions = [
        UsageCount.metric.in_((rate_limits.REQUESTS, rate_limits.REFUSED)),
        UsageCount.hour >= now - DAYS * usage.DAY,
        UsageCount.subject != "",
    ]
    if subjects is not None:
        conditions.append(UsageCount.subject.in_(subjects))
    found: dict[str, Figures] = {}
    with database.reading() as session:
        rows = session.execute(
            select(UsageCount.subject, UsageCount.hour, UsageCount.metric, UsageCount.count).where(*conditions)
        )
        for subject, hour, metric, count in rows:
            _add(found.setdefault(subject, Figures()), metric, int(hour), int(count), now)
    return found


def _add(figures: Figures, metric: str, hour: int, count: int, now: int) -> None:
    lately = hour > now - usage.DAY
    if metric == rate_limits.REFUSED:
        figures.refused += count if lately else 0
        return
    figures.requests += count if lately else 0
    if count > figures.peak:
        figures.peak, figures.peak_at = count, hour


def _holder(subject: str, row: Any, figures: Figures) -> Holder:
    is_key = subject.startswith("key:")
    limits = _limits_of_key(subject, row) if is_key else _limits_of_app(subject, row)
    kind = "key" if is_key else "app"
    return Holder(kind, row.id, row.name, row.email or "", row.rate_limit, figures, tuple(limits))


def _limits_of_key(subject: str, row: Any) -> Iterable[Limit]:
    text = row.rate_limit or config.current().rate_limit_api_key
    yield Limit("API key", rate_limits.peek(rate_limits.API_KEY, row.counted_with or subject, text))


def _limits_of_app(subject: str, row: Any) -> Iterable[Limit]:
    """The same buckets as `edge.bearer` has: (client, subject) for tokens, the client for its own JWTs."""
    settings = config.current()
    text = row.rate_limit or settings.rate_limit_oauth
    if MACHINE in row.grant_types:
        yield Limit("Tokens of its own", rate_limits.peek(rate_limits.OAUTH, f"{subject}:{row.id}", text))
    if CODE in row.grant_types:
        people = _people_of(row.id)
        states = [rate_limits.peek(rate_limits.OAUTH, f"{subject}:{person}", text) for person in people]
        nobody = rate_limits.peek(rate_limits.OAUTH, f"{subject}:", text)
        busiest = min(states, key=lambda state: state.remaining, default=nobody)
        yield Limit("Busiest person", busiest, len(people))
    if row.jwks or row.jwks_uri:
        jwt_text = row.rate_limit or settings.rate_limit_jwt
        yield Limit("JWTs of its own", rate_limits.peek(rate_limits.JWT, subject, jwt_text))


def _people_of(client_id: str) -> list[str]:
    """Who uses an app, those who did lately first."""
    with database.reading() as session:
        used = func.max(func.coalesce(Grant.last_used_at, Grant.created_at))
        wanted = select(Grant.user_id).where(Grant.client_id == client_id, Grant.revoked_at.is_(None))
        return list(session.scalars(wanted.group_by(Grant.user_id).order_by(used.desc()).limit(PEOPLE)))


def _offenders(figures: dict[str, Figures], rows: dict[str, Any]) -> list[tuple[str, int]]:
    """Who was refused most in the last day, by name."""
    worst = sorted(((each.refused, subject) for subject, each in figures.items() if each.refused), reverse=True)[:5]
    return [(rows[subject].name if subject in rows else subject, refused) for refused, subject in worst]
