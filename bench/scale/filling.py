"""An installation of any size: who and what is in it, always the same for the same sizes.

Three people look at it: an administrator, a plain person who has as much as one may have, and one who has little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text, update

from authserver import database
from authserver.domain.record import audit
from authserver.domain.record import seals as audit_seals
from authserver.domain.webhooks import secrets as webhook_secrets
from authserver.lib import clock, webhook_signatures
from authserver.models import (
    ApiKey,
    AuditCheckpoint,
    AuditEvent,
    AuditHead,
    Client,
    ClientSecret,
    ClientTransfer,
    Consent,
    Grant,
    Refusal,
    SignInSession,
    UsageCount,
    User,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from bench.scale.loading import Row, load, without_limit

ADMIN, MUCH, LITTLE = (f"{name}@scale.test" for name in ("admin", "much", "little"))
DAY, HOUR = 86_400, 3600
OWNED = 100  # apps and keys of one plain person, which is the limit
KINDS = ("web", "spa", "native", "machine", "resource_server")
EVENTS = ("user.login", "user.login_failed", "consent.granted", "client.updated", "api_key.created", "token.revoked",
          "user.password_changed", "signing_key.rotated")  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """How many there are; `much` is how many sign-ins, refusals and deliveries the one person has who has much."""

    clients: int = 1_000_000
    grants: int = 1_000_000
    events: int = 1_000_000
    people: int = 100_000
    keys: int = 100_000
    refusals: int = 200_000
    deliveries: int = 200_000
    busy: int = 2_000  # credentials that are in use every hour of the last fourteen days
    much: int = 5_000
    history: int = 50_000  # audit events of that person, and two thirds as many of their apps


def person(number: int) -> str:
    """The id of somebody; 0 is the administrator, 1 has much, 2 has little."""
    return f"usrScale{number:012}"


def client(number: int) -> str:
    """The id of an app; the first OWNED are those of the person who has much, and 0 has most sign-ins."""
    return f"cl_Scale{number:012}"


def key(number: int) -> str:
    """The id of an API key; the first OWNED are those of the person who has much."""
    return f"key_Scale{number:012}"


def hook(number: int) -> str:
    """The id of a webhook; 0 is of the person who has much, and has the deliveries."""
    return f"wh_Scale{number:012}"


def fill(sizes: Sizes, tell: Callable[[str], None] = lambda _line: None) -> None:
    """Fill a migrated database that holds nobody yet."""
    now = clock.now()
    for name, model, rows in (
        ("people", User, _people(sizes, now)),
        ("apps", Client, _clients(sizes, now)),
        ("secrets", ClientSecret, _secrets(sizes, now)),
        ("offers", ClientTransfer, _offers(sizes, now)),
        ("keys", ApiKey, _keys(sizes, now)),
        ("consents", Consent, _consents(sizes, now)),
        ("grants", Grant, _grants(sizes, now)),
        ("sessions", SignInSession, _sessions(sizes, now)),
        ("refused requests", Refusal, _refusals(sizes, now)),
        ("usage", UsageCount, _usage(sizes, now)),
        ("webhooks", WebhookEndpoint, _hooks(sizes, now)),
        ("webhook events", WebhookEvent, _webhook_events(sizes, now)),
        ("deliveries", WebhookDelivery, _deliveries(sizes, now)),
        ("requests of deliveries", WebhookAttempt, _attempts(sizes, now)),
        ("audit events", AuditEvent, _audit(sizes, now)),
    ):
        load(model, rows)
        tell(name)
    _add_up()
    if database.dialect() == "postgresql":
        with database.autocommit() as connection:  # what its autovacuum does a minute later
            database.wait_for_ever(connection)
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("ANALYZE"))
            connection.invalidate()  # its limits are not for others


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _people(sizes: Sizes, now: int) -> Iterator[Row]:
    named = {0: ADMIN, 1: MUCH, 2: LITTLE}
    for number in range(sizes.people):
        created = now - number * 300 - DAY
        gone = number > 2 and number % 211 == 0
        yield {
            "id": person(number),
            "email": named.get(number, f"person{number}@scale.test"),
            "email_key": named.get(number, f"person{number}@scale.test"),
            "username": f"person{number}",
            "name": f"Person {number}",
            "role": "admin" if number == 0 or number % 20_000 == 7 else "user",
            "password_hash": None if number > 2 and number % 41 == 0 else "!",  # no password fits
            "email_verified_at": created,
            "disabled_at": now - DAY if gone or (number > 2 and number % 53 == 0) else None,
            "deleted_at": now - DAY if gone else None,
            "created_at": created,
            "updated_at": created,
            "last_login_at": now - number % 9000,
        }


def _owner_of(number: int, sizes: Sizes) -> str | None:
    if number < OWNED:
        return person(1)
    if number < 2 * OWNED:
        return person(0)
    if number == 2 * OWNED:
        return person(2)
    return None if number % 3 == 0 else person(3 + number % (sizes.people - 3))


def _clients(sizes: Sizes, now: int) -> Iterator[Row]:
    for number in range(sizes.clients):
        kind = "web" if number == 0 else KINDS[number % 5]
        created = now - number * 20 - HOUR
        signs_in = kind in ("web", "spa", "native")
        yield {
            "id": client(number),
            "name": f"App {number} of the seed",
            "kind": kind,
            "owner_id": _owner_of(number, sizes),
            "public": kind in ("spa", "native"),
            "redirect_uris": [f"https://app{number}.scale.test/callback"] if signs_in else [],
            "grant_types": ["authorization_code", "refresh_token"] if signs_in
            else ["client_credentials"] if kind == "machine" else [],
            "scopes": ["openid", "email"] if signs_in else ["workflows:read"],
            "created_at": created,
            "updated_at": created,
            "disabled_at": now - DAY if number > 3 * OWNED and number % 61 == 0 else None,
            "disabled_by": "admin" if number > 3 * OWNED and number % 61 == 0 else "",
            "deleted_at": now - DAY if number > 3 * OWNED and number % 97 == 0 else None,
        }  # fmt: skip


def _secrets(sizes: Sizes, now: int) -> Iterator[Row]:
    for number in range(sizes.clients):
        if KINDS[number % 5] not in ("spa", "native") or number == 0:
            yield {
                "id": f"csScale{number:012}",
                "client_id": client(number),
                "digest": _digest(f"secret {number}"),
                "hint": "kaie_cs_…0000",
                "created_at": now - number * 20 - HOUR,
                "last_used_at": now - number % 9000 if number % 4 else None,
            }


def _offers(sizes: Sizes, now: int) -> Iterator[Row]:
    for number in range(min(20, sizes.clients - 3 * OWNED)):
        yield {
            "client_id": client(3 * OWNED + number),
            "to_id": person(1 + number % 2),
            "offered_at": now - number,
            "expires_at": now + 6 * DAY,
        }


def _keys(sizes: Sizes, now: int) -> Iterator[Row]:
    for number in range(sizes.keys):
        mine = number < OWNED
        yield {
            "id": key(number),
            "digest": _digest(f"key {number}"),
            "hint": "kaie_ak_…0000",
            "name": f"Key {number} of the seed",
            "owner_id": person(1) if mine else person(0) if number < OWNED + 20 else person(2 + number % 997),
            "permission": ("read_only", "read_write", "full_access")[number % 3],
            "created_at": now - number * 60 - HOUR,
            "expires_at": None if mine else now + (number % 90 - 9) * DAY,
            "revoked_at": now - HOUR if not mine and number % 7 == 0 else None,
            "last_used_at": now - number % 9000 if number % 3 else None,
        }


def _app_of(number: int, sizes: Sizes) -> str:
    """Of a grant: every fifth is one of the busiest app."""
    return client(0) if number % 5 == 0 else client(number * 5 % sizes.clients)


def _consents(sizes: Sizes, now: int) -> Iterator[Row]:
    for number in range(min(300, sizes.clients // 5)):
        yield _consent(f"cnsMuch{number:012}", person(1), client(number * 5), now - number * 997, number % 9 == 8)
    for number in range(sizes.people // 2):
        if 3 + number < sizes.people:
            yield _consent(f"cnsScale{number:012}", person(3 + number), client(0), now - number, number % 9 == 8)


def _consent(id: str, user_id: str, client_id: str, at: int, revoked: bool) -> Row:
    return {
        "id": id, "user_id": user_id, "client_id": client_id, "granted": {"": ["openid", "email"]},
        "granted_at": at, "updated_at": at, "revoked_at": at + 60 if revoked else None,
    }  # fmt: skip


def _grants(sizes: Sizes, now: int) -> Iterator[Row]:
    for number in range(sizes.grants):
        mine = number < sizes.much
        created = now - number % (60 * DAY) - 60
        yield {
            "id": f"grScale{number:012}",
            "client_id": client(number * 5 % min(1500, sizes.clients)) if mine else _app_of(number, sizes),
            "user_id": person(1) if mine else person(2 + number % (sizes.people - 2)),
            "session_id": f"sesScale{number % 20:012}" if mine else None,
            "scopes": ["openid", "email"],
            "auth_time": created,
            "created_at": created,
            "expires_at": now + 30 * DAY,
            "last_used_at": created + number % 50 if number % 2 else None,
            "revoked_at": now - 60 if number % 11 == 10 else None,
        }


def _sessions(sizes: Sizes, now: int) -> Iterator[Row]:
    for number in range(sizes.people):
        mine = number < 19
        yield {
            "id": f"sesScale{number:012}",
            "digest": _digest(f"session {number}"),
            "series": f"sesScale{number:012}",
            "user_id": person(1) if mine else person(2 + number % (sizes.people - 2)),
            "created_at": now - HOUR,
            "auth_time": now - HOUR,
            "amr": ["pwd"],
            "seen_at": now - number % 900,
            "expires_at": now + DAY,
            "ended_at": None if mine or number % 3 else now - 60,
        }


def _refusals(sizes: Sizes, now: int) -> Iterator[Row]:
    for number in range(sizes.refusals):
        of_key = number % 4 == 3
        owner = number % OWNED if number < sizes.much else number % sizes.clients
        yield {
            "request_id": f"reqScale{number:012}",
            "at": now - number * (6 * DAY) // sizes.refusals,
            "kind": ("token", "api", "introspection", "gateway")[number % 4],
            "code": "invalid_grant",
            "message": "It was refused.",
            "status": 400,
            "credential": f"key:{key(owner % sizes.keys)}" if of_key else f"client:{client(owner)}",
            "client_id": None if of_key else client(owner),
            "key_id": key(owner % sizes.keys) if of_key else None,
            "owner_id": person(1) if of_key and number < sizes.much else None,
        }


def _usage(sizes: Sizes, now: int) -> Iterator[Row]:
    hour = now // HOUR * HOUR
    for back in range(14 * 24):
        for number in range(sizes.busy):
            of_key = number % 3 == 2
            subject = f"key:{key(number % sizes.keys)}" if of_key else f"client:{client(number)}"
            row = {"hour": hour - back * HOUR, "subject": subject, "count": 1 + (number * 7 + back) % 90}
            yield {**row, "metric": "requests"}
            if number % 10 == 0:
                yield {**row, "metric": "key_checks" if of_key else "tokens"}
            if number % 200 == 0:
                yield {**row, "metric": "rate_limited", "count": 1 + number % 7}


def _add_up() -> None:
    with database.transaction() as session:
        without_limit(session.connection())
        session.execute(
            text(
                "INSERT INTO usage_totals (hour, metric, sample, count)"
                " SELECT hour, metric, sample, sum(count) FROM usage_counts GROUP BY hour, metric, sample"
            )
        )


def _hooks(sizes: Sizes, now: int) -> Iterator[Row]:
    sealed = webhook_secrets.seal(hook(0), webhook_signatures.new_secret())
    for number in range(20 + sizes.people // 20):
        yield {
            "id": hook(number),
            "owner_id": person(1) if number < 20 else person(number % sizes.people),
            "name": f"Webhook {number}",
            "url": f"https://hooks.scale.test/{number}",
            "events": ["user.deleted"],
            "signature_header": "X-Kaie-Signature",
            "secret_sealed": sealed,
            "secret_made_at": now,
            "created_at": now - number * 60,
            "updated_at": now,
            "stopped_at": now,  # nothing of all this leaves the machine
            "stopped_because": "paused",
        }


def _at_us(number: int, now: int) -> int:
    return (now - 60) * 1_000_000 - number * 7_000_000


def _webhook_events(sizes: Sizes, now: int) -> Iterator[Row]:
    for number in range(sizes.deliveries):
        yield {"id": f"evtScale{number:012}", "type": "user.login", "at_us": _at_us(number, now), "facts": {}}


def _deliveries(sizes: Sizes, now: int) -> Iterator[Row]:
    for number in range(sizes.deliveries):
        yield {
            "id": f"dlvScale{number:012}",
            "endpoint_id": hook(0),
            "event_id": f"evtScale{number:012}",
            "event_us": _at_us(number, now),
            "state": "failed" if number % 300 == 9 else "delivered",
            "sends": 1,
            "queued_at": _at_us(number, now) // 1_000_000,
            "finished_at": _at_us(number, now) // 1_000_000 + 1,
            "last_status": 200,
            "last_ms": 12,
        }


def _attempts(sizes: Sizes, now: int) -> Iterator[Row]:
    for number in range(sizes.deliveries):
        yield {
            "delivery_id": f"dlvScale{number:012}", "number": 1, "endpoint_id": hook(0),
            "at": _at_us(number, now) // 1_000_000, "url": "https://hooks.scale.test/0", "headers": {}, "body": "{}",
            "status": 500 if number % 300 == 9 else 200, "ms": 12,
        }  # fmt: skip


def _audit(sizes: Sizes, now: int) -> Iterator[Row]:
    """Events behind those that are there, chained and sealed as the server does it."""
    with database.reading() as session:
        head: Any = session.execute(select(AuditHead.seq, AuditHead.hash)).one()
    seq, last, checkpoints = head.seq, head.hash, []
    for number in range(sizes.events):
        seq += 1
        row = _event(number, sizes) | {"seq": seq, "prev_hash": last}
        row["at_us"] = (now - 60) * 1_000_000 - (sizes.events - number) * 2_000_000
        last = row["hash"] = audit.digest(row)
        if seq % audit.CHECKPOINT_EVERY == 0:
            checkpoints.append(audit_seals.checkpoint(seq, last, row["at_us"]))
        yield row
    load(AuditCheckpoint, checkpoints)
    with database.transaction() as session:
        moved = {"seq": seq, "hash": last, "signature": audit_seals.head(seq, last)}
        session.execute(update(AuditHead).where(AuditHead.id == 1).values(**moved))


def _event(number: int, sizes: Sizes) -> Row:
    # Every twentieth is of the person who has much, every thirtieth of their apps and somebody else.
    own = number // 20 < sizes.history
    who = person(1) if own and number % 20 == 0 else person(2 + number % (sizes.people - 2))
    app = client(number % OWNED) if own and number % 30 == 7 else client(OWNED + number % (sizes.clients - OWNED))
    type = EVENTS[number % len(EVENTS)]
    return {
        "type": type,
        "actor": f"user:{who}",
        "target": f"user:{who}" if type.startswith("user") else f"client:{app}",
        "owner_id": who,
        "client_id": None if type.startswith("user") else app,
        "result": "refused" if type.endswith("failed") else "ok",
        "reason": "",
        "ip": "192.0.2.7",
        "user_agent": "0123456789abcdef",
        "request_id": f"reqEvent{number:012}",
        "data": {},
    }
