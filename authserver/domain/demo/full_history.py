"""What happened in a full installation: webhooks and their deliveries, usage, refused requests, mails, audit events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from authserver import config
from authserver.domain.demo import long_texts
from authserver.domain.ground import usage
from authserver.domain.limits import rate_limits
from authserver.domain.record import audit, outbox
from authserver.domain.webhooks import secrets as webhook_secrets
from authserver.lib import clock, secrets, webhook_signatures
from authserver.models import (
    ApiKey,
    Client,
    Mail,
    Refusal,
    User,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from authserver.observability import context

HOOKS, DELIVERIES, REFUSALS, EVENTS, MAILS = 12, 90, 90, 150, 24
DAY = 86_400
_STATES = ("delivered", "failed", "pending", "missed")
_TYPES = tuple(each for each in outbox.EVENTS if each != outbox.TEST)
_ERRORS = ("", "The connection was refused.", "127.0.0.1 answered with something that is no HTTP: " + "0f" * 60)
_REFUSED = (
    ("token", "invalid_grant", 400, "The code verifier does not fit the challenge."),
    ("authorize", "invalid_redirect_uri", 400, "This redirect URI is not registered for this app."),
    ("introspection", "invalid_client", 401, "The client secret is wrong."),
    ("gateway", "insufficient_scope", 403, "The token lacks the scope " + long_texts.SCOPES[0][0] + "."),
    ("api", "RATE_LIMIT_EXCEEDED", 429, "More requests than the limit allows came in this window."),
)
_HAPPENED = ("user.login", "client.updated", "api_key.created", "consent.granted", "user.login_failed", "token.revoked")


def fill(session: Session, lookers: Sequence[User], apps: Sequence[str], keys: Sequence[str]) -> None:
    """The past of these two people, their apps and their keys, in the caller's transaction."""
    _audit(session, lookers, apps, keys)
    hooks = [_hook(lookers[each % 2], each) for each in range(HOOKS)]
    session.execute(insert(WebhookEndpoint), hooks)
    _deliveries(session, hooks)
    owned = {row.id: row.owner_id for row in session.execute(select(Client.id, Client.owner_id))}
    owners = {row.id: row.owner_id for row in session.execute(select(ApiKey.id, ApiKey.owner_id))}
    usage.put(session, list(_usage(apps, keys)))
    session.execute(insert(Refusal), [_refusal(each, apps, keys, owned, owners) for each in range(REFUSALS)])
    session.execute(insert(Mail), [_mail(each) for each in range(MAILS)])


def _audit(session: Session, lookers: Sequence[User], apps: Sequence[str], keys: Sequence[str]) -> None:
    for number in range(EVENTS):
        who, type = lookers[number % 2], _HAPPENED[number % len(_HAPPENED)]
        app, key = apps[number % len(apps)], keys[number % len(keys)]
        targets = {"client": f"client:{app}", "api_key": f"key:{key}", "user": f"user:{who.id}"}
        asking = context.Context(
            request_id=f"reqFull{number:016}", ip=long_texts.ADDRESSES[number % 3],
            user_agent=long_texts.AGENTS[number % 4], actor=f"user:{who.id}",
        )  # fmt: skip
        with context.using(asking):
            audit.record(
                session, type, target=targets.get(type.partition(".")[0], f"client:{app}"), owner_id=who.id,
                client_id=app if type.startswith(("consent", "token", "client")) else None,
                result="refused" if type.endswith("failed") else "ok",
                reason="wrong_password" if type.endswith("failed") else "",
                name=long_texts.name(number), scopes=[name for name, _ in long_texts.SCOPES],
            )  # fmt: skip


def _hook(owner: User, number: int) -> dict[str, Any]:
    """On is what goes to a closed port of this machine alone: no event leaves it."""
    id, now = f"wh_Full{number:016}", clock.now()
    off = number % 3 == 2
    host = "https://hooks.example.com" if off else "http://127.0.0.1:9"
    return {
        "id": id,
        "owner_id": owner.id,
        "name": long_texts.name(number),
        "url": f"{host}/{'receivers/of/every/department/' * (1 + number % 5)}{number}",
        "events": ["*"] if number % 4 == 0 else list(_TYPES[: 1 + number]),
        "everybody": False,
        "headers_sealed": webhook_secrets.seal_headers(id, {f"X-{'Department-' * 5}Name": "billing"}),
        "signature_header": webhook_signatures.header_name(config.current().slug),
        "secret_sealed": webhook_secrets.seal(id, webhook_signatures.new_secret()),
        "secret_made_at": now - DAY,
        "created_at": now - number * 9 * DAY,
        "updated_at": now,
        "stopped_at": now - DAY if off else None,
        "stopped_because": ("paused", "failing", "gone")[number % 4 % 3] if off else "",
        "failing_since": now - 7 * 3600 if number % 3 == 1 else None,
        "failures": 5 if number % 3 == 1 else 0,
        "held_until": now + 3600,
        "last_attempt_at": now - number * 60,
    }


def _deliveries(session: Session, hooks: Sequence[dict[str, Any]]) -> None:
    """A long history for the first two, a short one for the others."""
    made = [_delivery(hook, each) for place, hook in enumerate(hooks) for each in range(DELIVERIES if place < 2 else 3)]
    for model, place in ((WebhookEvent, 0), (WebhookDelivery, 1), (WebhookAttempt, 2)):
        session.execute(insert(model), [rows[place] for rows in made if rows[place]])


def _delivery(hook: dict[str, Any], number: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    now, type = clock.now(), _TYPES[number % len(_TYPES)]
    state, at = _STATES[number % 4], now - number * 611
    status = {"delivered": 200, "failed": (500, None, 404)[number % 3]}.get(state)
    facts = {
        "owner_id": hook["owner_id"], "client_id": None, "target": f"user:{hook['owner_id']}", "actor": "system",
        "result": "ok", "reason": "", "ip": long_texts.ADDRESSES[number % 3], "request_id": f"reqFull{number:016}",
        "data": {"name": long_texts.name(number), "count": long_texts.HUGE},
    }  # fmt: skip
    event = {"id": secrets.random_id("evt_"), "type": type, "at_us": at * 1_000_000, "owner_id": hook["owner_id"],
             "facts": facts}  # fmt: skip
    delivery = {
        "id": secrets.random_id("whd_"), "endpoint_id": hook["id"], "event_id": event["id"], "event_us": event["at_us"],
        "state": state, "attempts": number % 10, "sends": 1 if status or state == "failed" else 0, "queued_at": at,
        "next_at": now + 7200 if state == "pending" else None, "finished_at": at + 2 if state != "pending" else None,
        "last_status": status, "last_ms": 12_345 if number % 7 == 0 else 87,
        "last_error": "" if status == 200 else _ERRORS[number % 3],
    }  # fmt: skip
    body = outbox.body(str(event["id"]), type, at * 1_000_000, facts, own=True, endpoint_id=hook["id"], retry_count=0)
    attempt = {
        "delivery_id": delivery["id"], "number": 1, "endpoint_id": hook["id"], "at": at, "url": hook["url"],
        "headers": {"Content-Type": "application/json", hook["signature_header"]: "sha256=" + "0f" * 32},
        "body": body.decode(), "status": status, "ms": delivery["last_ms"], "error": delivery["last_error"],
        "response_headers": [["content-type", "text/html"], ["x-trace", "0123456789abcdef" * 12]],
        "response_body": ("<p>" + long_texts.UNBROKEN * 9).encode(),
    }  # fmt: skip
    return event, delivery, attempt if delivery["sends"] else {}


def _usage(apps: Sequence[str], keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Six hours a day for two weeks; the first of each kind is so busy that its figures have twelve digits."""
    hour_now = clock.now() // usage.HOUR * usage.HOUR
    holders = [(f"client:{each}", place) for place, each in enumerate(apps)]
    holders += [(f"key:{each}", place) for place, each in enumerate(keys)]
    for subject, place in holders:
        for back in range(2, 14 * 24, 4):
            count = long_texts.HUGE if place < 2 and back < 6 else 3 + (place * back) % 97
            yield _count(hour_now - back * usage.HOUR, rate_limits.REQUESTS, subject, count)
            if subject.startswith("key:"):
                yield _count(hour_now - back * usage.HOUR, usage.KEY_CHECKS, subject, count)
        if place % 3 == 0:
            yield _count(hour_now - usage.HOUR, rate_limits.REFUSED, subject, 5 + place)


def _count(hour: int, metric: str, subject: str, count: int) -> dict[str, Any]:
    return {"hour": hour, "metric": metric, "subject": subject, "count": count, "sample": True}


def _refusal(
    number: int, apps: Sequence[str], keys: Sequence[str], owned: dict[str, str | None], owners: dict[str, str]
) -> dict[str, Any]:
    kind, code, status, message = _REFUSED[number % len(_REFUSED)]
    key = keys[number % len(keys)] if kind in ("gateway", "api") else None
    app = None if key else apps[number % len(apps)]
    return {
        "request_id": f"reqFull{number:016}",
        "at": clock.now() - number * 1511,
        "kind": kind,
        "code": code,
        "message": message,
        "status": status,
        "credential": f"key:{key}" if key else f"client:{app}",
        "client_id": app,
        "key_id": key,
        "owner_id": owners.get(key or "") or owned.get(app or ""),
        "ip": "" if kind == "authorize" else long_texts.ADDRESSES[number % 3],
        "checks": _checks(number),
    }


def _checks(number: int) -> list[dict[str, Any]]:
    [expected] = long_texts.redirect_uris(number, 1)
    return [
        {"check": "the client is known", "ok": True, "expected": "", "received": ""},
        {"check": "redirect_uri", "ok": False, "expected": expected, "received": expected + "/" + "tenant" * 40},
        {"check": "scope", "ok": False, "expected": " ".join(name for name, _ in long_texts.SCOPES), "received": ""},
    ]


def _mail(number: int) -> dict[str, Any]:
    at = clock.now() - number * 3607
    return {
        "id": secrets.random_id("ml_"),
        "recipient": long_texts.email(number),
        "subject": f"{long_texts.name(number)} wants to access your account",
        "body": f"{long_texts.name(number)}\n\nhttps://app.example.com/{'path/' * 40}\n",
        "created_at": at,
        "next_attempt_at": None,
        "sent_at": at + 1,
    }
