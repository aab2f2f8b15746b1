"""How the limits of keys and apps stand now, and what was refused: for /usage (ux.md 2.12)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

from sqlalchemy import ColumnElement, func, or_, select

from authserver import config, database
from authserver.domain.clients.metadata import MACHINE, OF_PEOPLE
from authserver.domain.ground import lists, usage
from authserver.domain.ground.lists import Part, Rows
from authserver.domain.insight import usage_reports
from authserver.domain.limits import rate_limits
from authserver.domain.limits.rate_limits import State
from authserver.lib import clock
from authserver.models import ApiKey, Client, Grant, UsageCount, User

DAYS = 14
MOST = lists.COUNTED
# Of how many people who use an app the busiest is looked for, each of whom has a limit of their own there, and among
# how many sign-ins they are looked for.
PEOPLE, SIGN_INS = 50, 200
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
    """Keys and apps, those refused most and the busiest first, and how many there are; not all of them, if too many.

    `per_day` is (start of the day in epoch seconds, requests), `offenders` (name, refusals in 24 hours).
    """

    holders: Rows[Holder]
    total: int
    everything: bool
    per_day: list[tuple[int, int]]
    refused: int
    offenders: list[tuple[str, int]]
    has_samples: bool


def report(user: User, **part: Unpack[Part]) -> Report:
    """What a person's keys and apps use; everybody's for an administrator.

    Where there are more than MOST, those that were busiest in the last day stand for all.
    """
    usage.flush()
    owner_id = None if user.is_admin else user.id
    rows = {**_keys(owner_id), **_apps(owner_id)}
    everything = len(rows) <= MOST
    if not everything:
        rows = _named(usage_reports.busiest(MOST))
    figures = _lately(rows)
    order = {each: (-figures[each].refused, -figures[each].requests, rows[each].name.lower(), each) for each in rows}
    shown = lists.cut(sorted(rows, key=order.__getitem__), key=order.__getitem__, name="usage", part=part)
    _add_peaks({each: figures[each] for each in shown})
    people = _people_of(rows[each] for each in shown)
    subjects = None if owner_id is None else list(rows)
    metrics = (rate_limits.REQUESTS, rate_limits.REFUSED)
    hours = usage.by_hour(metrics, since=clock.now() - DAYS * usage.DAY, subjects=subjects)
    last_day = min(usage_reports.last_hours())
    return Report(
        holders=shown.each(lambda each: _holder(each, rows[each], figures[each], people)),
        total=len(rows) if everything else lists.COUNTED + 1,
        everything=everything,
        per_day=usage.days_of(((each.at, each.count) for each in hours if each.metric == metrics[0]), days=DAYS),
        refused=sum(each.count for each in hours if each.metric == metrics[1] and each.at >= last_day),
        offenders=_offenders(rows) if user.is_admin else [],
        has_samples=usage.has_samples(since=clock.now() - DAYS * usage.DAY, subjects=subjects),
    )


def of(subjects: Collection[str]) -> dict[str, tuple[Limit, ...]]:
    """How the limits of these keys and apps (`key:…`, `client:…`) stand; those that no longer work are left out."""
    rows = _named(subjects)
    people = _people_of(rows.values())
    return {subject: _holder(subject, row, Figures(), people).limits for subject, row in rows.items()}


def _named(subjects: Collection[str]) -> dict[str, Any]:
    """Those of these keys and apps that work."""
    ids = [subject.partition(":")[2] for subject in subjects]
    return {**_keys(None, ids), **_apps(None, ids)}


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
        return {f"key:{row.id}": row for row in session.execute(wanted.limit(MOST + 1))}


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
        found = session.execute(wanted.limit(MOST + 1)).all()
    return {f"client:{row.id}": row for row in found if row.grant_types or row.jwks or row.jwks_uri}


def _lately(subjects: Collection[str]) -> dict[str, Figures]:
    """The figures of the last day."""
    found = {each: Figures() for each in subjects}
    counted = (
        select(UsageCount.subject, UsageCount.metric, func.sum(UsageCount.count))
        .where(*_counted(subjects, clock.now() - usage.DAY))
        .group_by(UsageCount.subject, UsageCount.metric)
    )
    with database.reading() as session:
        for subject, metric, count in session.execute(counted):
            if metric == rate_limits.REFUSED:
                found[subject].refused = int(count)
            else:
                found[subject].requests = int(count)
    return found


def _add_peaks(figures: dict[str, Figures]) -> None:
    """The busiest hour of the last days, where there is one."""
    wanted = select(UsageCount.subject, UsageCount.hour, UsageCount.count).where(
        *_counted(figures, clock.now() - DAYS * usage.DAY - 1), UsageCount.metric == rate_limits.REQUESTS
    )
    with database.reading() as session:
        for subject, hour, count in session.execute(wanted):
            each = figures[subject]
            if count > each.peak:
                each.peak, each.peak_at = int(count), int(hour)


def _counted(subjects: Collection[str], since: int) -> list[ColumnElement[bool]]:
    """Requests and refusals behind a time (epoch seconds)."""
    metrics = (rate_limits.REQUESTS, rate_limits.REFUSED)
    return [UsageCount.subject.in_(subjects), UsageCount.metric.in_(metrics), UsageCount.hour > since]


def _holder(subject: str, row: Any, figures: Figures, people: dict[str, list[str]]) -> Holder:
    is_key = subject.startswith("key:")
    limits = _limits_of_key(subject, row) if is_key else _limits_of_app(subject, row, people.get(row.id, []))
    kind = "key" if is_key else "app"
    return Holder(kind, row.id, row.name, row.email or "", row.rate_limit, figures, tuple(limits))


def _limits_of_key(subject: str, row: Any) -> Iterable[Limit]:
    text = row.rate_limit or config.current().rate_limit_api_key
    yield Limit("API key", rate_limits.peek(*rate_limits.of_key(subject, row.counted_with), text))


def _limits_of_app(subject: str, row: Any, people: list[str]) -> Iterable[Limit]:
    """The same buckets as `edge.bearer` has: (client, subject) for tokens, the client for its own JWTs."""
    settings = config.current()
    text = row.rate_limit or settings.rate_limit_oauth
    if MACHINE in row.grant_types:
        yield Limit("Tokens of its own", rate_limits.peek(rate_limits.OAUTH, f"{subject}:{row.id}", text))
    if OF_PEOPLE.intersection(row.grant_types):
        states = [rate_limits.peek(rate_limits.OAUTH, f"{subject}:{person}", text) for person in people]
        nobody = rate_limits.peek(rate_limits.OAUTH, f"{subject}:", text)
        busiest = min(states, key=lambda state: state.remaining, default=nobody)
        yield Limit("Busiest person", busiest, len(people))
    if row.jwks or row.jwks_uri:
        jwt_text = row.rate_limit or settings.rate_limit_jwt
        yield Limit("JWTs of its own", rate_limits.peek(rate_limits.JWT, subject, jwt_text))


def _people_of(rows: Iterable[Any]) -> dict[str, list[str]]:
    """Who uses these apps: of those who signed in last the ones who used them last, by the app's id."""
    apps = [row.id for row in rows if OF_PEOPLE.intersection(getattr(row, "grant_types", ()))]
    if not apps:
        return {}
    found: dict[str, dict[str, int]] = {each: {} for each in apps}
    with database.reading() as session:
        for client_id, user_id, used in session.execute(lists.together([_sign_ins(each) for each in apps])):
            found[client_id][user_id] = max(used, found[client_id].get(user_id, 0))
    return {each: sorted(used, key=lambda who: -used[who])[:PEOPLE] for each, used in found.items()}


def _sign_ins(client_id: str) -> lists.Wanted:
    used = func.coalesce(Grant.last_used_at, Grant.created_at).label("used")
    lately = select(Grant.client_id, Grant.user_id, used).where(
        Grant.client_id == client_id, Grant.revoked_at.is_(None)
    )
    return lately.order_by(Grant.created_at.desc(), Grant.id.desc()).limit(SIGN_INS)


def _offenders(rows: dict[str, Any]) -> list[tuple[str, int]]:
    """Who was refused most in the last day, by name; by id who no longer works."""
    refused = func.sum(UsageCount.count)
    wanted = (
        select(UsageCount.subject, refused)
        .where(
            UsageCount.metric == rate_limits.REFUSED,
            UsageCount.hour.in_(usage_reports.last_hours()),
            UsageCount.subject != "",
        )
        .group_by(UsageCount.subject)
        .having(refused > 0)
        .order_by(refused.desc(), UsageCount.subject.desc())
    )
    with database.reading() as session:
        worst = session.execute(wanted.limit(5)).all()
    return [(rows[subject].name if subject in rows else subject, int(count)) for subject, count in worst]
