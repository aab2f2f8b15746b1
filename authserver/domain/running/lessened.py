"""What was taken from people, apps and keys since a backup: a restore gives none of it back (E15).

Read before the restore and compared after it, row by row: what is authority is the lesser of the two. Where neither is
the lesser, such as another owner or another password, nobody has it until somebody says whose it is. A row that the
database before lacks stays as it is in the backup: that database may have been emptied, or be another one's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import insert, inspect, select, update
from sqlalchemy.orm import Session

from authserver.domain.access import permissions, roles
from authserver.lib import clock
from authserver.models import (
    ApiKey,
    BlockedApp,
    Client,
    ClientSecret,
    Consent,
    PermissionLevel,
    RegistrationToken,
    Resource,
    RevokedToken,
    RouteTable,
    Scope,
    SigningKey,
    UsedUsername,
    User,
    WebhookEndpoint,
)

Rule = Callable[[Any, Any], Any]
"""From the backup's value and the one of before the restore, what it is afterwards; STOP: the row ends instead."""
Known = Mapping[str, dict[Any, tuple[Any, ...]]]
"""By table: the values of RULES by the row's key; of UNITED the whole rows."""
STOP = object()
_ROLES, _LEVELS = list(roles.ROLES), [name for name, _, _ in permissions.SEEDS]


def _lower(order: list[str]) -> Rule:
    return lambda then, now: min(then, now, key=order.index) if {then, now} <= set(order) else STOP


def _both(then: Any, now: Any) -> list[Any]:
    return [each for each in then or () if each in (now or ())]


def _and(then: bool, now: bool) -> bool:
    return then and now


def _or(then: bool, now: bool) -> bool:
    return then or now


def _soonest(then: int | None, now: int | None) -> int | None:
    """Moments and spans that end something; None never does."""
    return min((each for each in (then, now) if each is not None), default=None)


def _latest(then: int, now: int) -> int:
    return max(then, now)


def _restricted(then: str, now: str) -> str:
    """What keeps within bounds where it is not empty."""
    return now or then


def _limited(then: str | None, now: str | None) -> str | None:
    """The same where there is no bound at NULL."""
    return then if now is None else now


def _within(then: Any, now: Any) -> Any:
    """Lists that keep to something, where none at all (None) keeps to nothing."""
    return now if then is None else then if now is None else _both(then, now)


def _networks(then: list[str], now: list[str]) -> Any:
    if not then or not now:
        return then or now
    return _both(then, now) or STOP


def _events(then: list[str], now: list[str]) -> list[str]:
    return now if "*" in then else then if "*" in now else _both(then, now)


def _granted(then: dict[str, list[str]], now: dict[str, list[str]]) -> dict[str, list[str]]:
    return {api: _both(names, now[api]) for api, names in then.items() if api in now}


def _keys(then: dict[str, Any] | None, now: dict[str, Any] | None) -> dict[str, Any] | None:
    """A JWK set: none of the keys that were taken out of it."""
    kept = _both((then or {}).get("keys"), (now or {}).get("keys"))
    return {**(then or {}), "keys": kept} if kept else None


def _pkce(then: bool | None, now: bool | None) -> bool | None:
    return True if True in (then, now) else None if None in (then, now) else False


def _set_in_both(then: Any, now: Any) -> Any:
    return then if now is not None else None


def _same_or_nothing(then: Any, now: Any) -> Any:
    return then if then == now else None


def _same_or_stop(then: Any, now: Any) -> Any:
    return then if then == now else STOP


def _now(_then: Any, now: Any) -> Any:
    return now


# By model: the columns that decide what somebody may, and what becomes of each.
RULES: dict[Any, dict[str, Rule]] = {
    User: {
        "role": _lower(_ROLES), "tokens_not_before": _latest, "email_verified_at": _set_in_both,
        "password_hash": _set_in_both, "password_changed_at": _now,  # and the password itself is `_passwords`
    },
    ApiKey: {
        "permission": _lower(_LEVELS), "within": _within, "knows": _limited, "allowed_networks": _networks,
        "rate_limit": _limited, "counted_with": _restricted, "expires_at": _soonest,
    },
    Client: {
        "owner_id": _same_or_stop, "token_endpoint_auth_method": _same_or_stop, "jwks_uri": _same_or_nothing,
        "jwks": _keys, "registration_digest": _same_or_nothing, "redirect_uris": _both,
        "post_logout_redirect_uris": _both, "request_uris": _both, "allowed_cors_origins": _both, "grant_types": _both,
        "scopes": _both, "default_scopes": _both, "resources": _both, "resource_server_for": _both,
        "introspect_all": _and, "skip_consent": _and, "jwt_reuse": _and, "installation": _and, "require_pkce": _pkce,
        "rate_limit": _limited, "keys_end_at": _soonest, "tokens_not_before": _latest, "tokens_epoch": _latest,
        "disabled_by": _restricted,
    },
    ClientSecret: {"expires_at": _soonest},
    Consent: {"granted": _granted},
    RegistrationToken: {"uses": _soonest, "used": _latest, "expires_at": _soonest},
    Resource: {
        "owner_id": _same_or_stop, "private": _or, "open": _and, "open_rate_limit": _limited, "max_age": _soonest,
        "acr_values": _restricted,
    },
    Scope: {"self_service": _and, "admin_only": _or},
    PermissionLevel: {"scopes": _both},
    WebhookEndpoint: {
        "url": _same_or_stop, "events": _events, "everybody": _and, "addresses": _and,
        "stopped_because": _restricted,
    },
    RouteTable: {"rules": _now},  # neither is the narrower: what the proxies were told last
}  # fmt: skip
# What only forbids: a row of before the restore is there after it, too.
UNITED = (BlockedApp, UsedUsername, RevokedToken)


def look(session: Session) -> Known:
    """What everybody may now, for `take` after the restore."""
    known: dict[str, dict[Any, tuple[Any, ...]]] = {SigningKey.__tablename__: dict(_values(session, SigningKey, ()))}
    for model, rules in RULES.items():
        known[model.__tablename__] = dict(_values(session, model, rules))
    for model in UNITED:
        known[model.__tablename__] = dict(_values(session, model, _columns(model)))
    return known


def take(session: Session, known: Known) -> dict[str, int]:
    """Take from the restored database what had been taken: how many passwords, how many rows it stopped or lessened."""
    done = {"passwords": 0, "stopped": 0, "lessened": 0}
    if not _is_of_the_same(session, known):
        return done
    done["passwords"] = _passwords(session, known)
    for model, rules in RULES.items():
        before = known.get(model.__tablename__, {})
        for key, then in list(_values(session, model, rules)):
            less, stops = _less(model, rules, then, before[key]) if key in before else ({}, False)
            if less:
                done["stopped" if stops else "lessened"] += 1
                session.execute(update(model).where(inspect(model).primary_key[0] == key).values(less))
    for model in UNITED:
        _unite(session, model, known.get(model.__tablename__, {}))
    return done


def _is_of_the_same(session: Session, known: Known) -> bool:
    """Whether both have signed with the same key: names of levels and scopes are the same everywhere."""
    kids = known.get(SigningKey.__tablename__, {})
    return any(kid in kids for kid in session.scalars(select(SigningKey.kid)))


def _less(
    model: Any, rules: Mapping[str, Rule], then: tuple[Any, ...], now: tuple[Any, ...]
) -> tuple[dict[str, Any], bool]:
    """The columns that change, and whether the row ends."""
    judged = {name: (old, rule(old, new)) for (name, rule), old, new in zip(rules.items(), then, now, strict=True)}
    less = {name: value for name, (old, value) in judged.items() if value is not STOP and value != old}
    stops = any(value is STOP for _, value in judged.values())
    return (less | _stopped(model) if stops else less), stops


def _stopped(model: Any) -> dict[str, Any]:
    """What ends a row of this model: its owner brings none of them back but a webhook."""
    now = clock.now()
    ends: dict[Any, dict[str, Any]] = {
        User: {"role": roles.USER},
        ApiKey: {"revoked_at": now},
        Client: {"disabled_at": now, "disabled_by": "admin"},
        Resource: {"owner_id": None, "private": True},
        WebhookEndpoint: {"stopped_at": now, "stopped_because": "paused"},
    }
    return ends[model]


def _passwords(session: Session, known: Known) -> int:
    """A password that was changed since opens nothing; nor does the new one, which a thief may have set."""
    place = list(RULES[User]).index("password_changed_at")
    before = known.get(User.__tablename__, {})
    rows = session.execute(select(User.id, User.password_changed_at).where(User.password_hash.is_not(None))).all()
    changed = [row.id for row in rows if row.id in before and before[row.id][place] != row.password_changed_at]
    for user_id in changed:
        session.execute(update(User).where(User.id == user_id).values(password_hash=None))
    return len(changed)


def _unite(session: Session, model: Any, before: dict[Any, tuple[Any, ...]]) -> None:
    columns = _columns(model)
    there = {key for key, _ in _values(session, model, columns)}
    missing = [dict(zip(columns, values, strict=True)) for key, values in before.items() if key not in there]
    if missing:
        session.execute(insert(model), missing)


def _columns(model: Any) -> list[str]:
    return [each.key for each in inspect(model).column_attrs]


def _values(session: Session, model: Any, names: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    keys = inspect(model).primary_key
    wanted = select(*keys, *(getattr(model, name) for name in names)).execution_options(yield_per=1000)
    for row in session.execute(wanted):
        yield tuple(row[: len(keys)]) if len(keys) > 1 else row[0], tuple(row[len(keys) :])
