"""What webhooks tell: the events, their payloads, and the outbox that is written with the change (contract 8)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, false, func, insert, or_, select, update
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.orm import Session

from authserver.domain.record import told_subjects
from authserver.lib import clock, secrets
from authserver.models import Client, User, WebhookDelivery, WebhookEndpoint, WebhookEvent

VERSION = "1.0"
TEST = "webhook.test"
ALL = "*"
# What an endpoint missed while it was off can be replayed, but not for ever.
MISSED_DAYS = 30
DAY = 86_400
PAUSED = "paused"
# Of what events say: where somebody was, like the address of their request.
# By which app's token a person made something, too: `client:…`.
THROUGH = "through"
OF_WHO = frozenset({"asked_from", THROUGH})
_WHO = ("actor", "ip", "request_id")


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of event: what it means, and an example of its `details`."""

    title: str
    details: Mapping[str, Any]
    target: str = "user:usr_4f9aTqLw2cVbN8xKpR3d"
    result: str = "ok"
    reason: str = ""
    client: bool = False


_CLIENT, _KEY = "client:cli_7Hq2mZtYv0Lk5sWd9RbX", "key:key_Zr6uJ1oPq8sVx3nTb5Me"
_APP, _KEY_NAME = "Notes", "CI deploys"
EVENTS: Mapping[str, Kind] = {
    "user.created": Kind("An account was made", {"role": "user"}),
    "user.login": Kind("Somebody signed in", {"amr": ["pwd"]}),
    "user.login_failed": Kind("A sign-in failed", {}, result="refused", reason="wrong_password"),
    "user.locked": Kind("Sign-ins were slowed down after failures", {}, result="refused", reason="throttled"),
    "client.created": Kind("An app was registered", {"name": _APP}, _CLIENT, client=True),
    "client.updated": Kind("An app was changed", {"name": _APP, "changed": ["redirect_uris"]}, _CLIENT, client=True),
    "client.secret_rotated": Kind(
        "An app got a new secret", {"name": _APP, "overlap_seconds": 86400}, _CLIENT, client=True
    ),
    "client.deleted": Kind("An app was deleted", {"name": _APP}, _CLIENT, client=True),
    "consent.granted": Kind("A person allowed an app", {"scopes": ["workflows:read"]}, _CLIENT, client=True),
    "consent.revoked": Kind("A person took an app's access back", {}, _CLIENT, client=True),
    "token.revoked": Kind("Tokens of an app were ended", {}, _CLIENT, client=True),
    "refresh_token.reused": Kind(
        "A spent refresh token came back: its family was revoked", {}, _CLIENT, "refused", client=True
    ),
    "api_key.created": Kind("An API key was made", {"name": _KEY_NAME, "permission": "read_only"}, _KEY),
    "api_key.rotated": Kind("An API key was rotated", {"name": _KEY_NAME, "overlap_seconds": 86400}, _KEY),
    "api_key.revoked": Kind("An API key was revoked", {"name": _KEY_NAME}, _KEY),
    "api_key.expiring": Kind("An API key expires in 30, 14, 3 or 1 days", {"name": _KEY_NAME, "days": 14}, _KEY),
    "signing_key.rotated": Kind("New signing keys were made", {"kids": ["8cF1…"]}, ""),
    TEST: Kind("A test, sent by hand", {"message": "It works."}, ""),
}
# What happens by itself: a test is sent by hand, and comes whatever was chosen.
HAPPENING = tuple(each for each in EVENTS if each != TEST)
GROUPS = (
    ("People", ("user.created", "user.login", "user.login_failed", "user.locked")),
    ("Apps", ("client.created", "client.updated", "client.secret_rotated", "client.deleted")),
    ("Consents and tokens", ("consent.granted", "consent.revoked", "token.revoked", "refresh_token.reused")),
    ("API keys", ("api_key.created", "api_key.rotated", "api_key.revoked", "api_key.expiring")),
    ("Server", ("signing_key.rotated",)),
    ("Tests", (TEST,)),
)
# An app's owner learns whom these concern, as the app itself knows the person: by their `sub`.
_ABOUT_SUBJECTS = ("consent.granted", "consent.revoked", "token.revoked", "refresh_token.reused")

news = threading.Event()
"""Set when something was committed that can be sent: a courier in the same process need not wait for its next look."""


def enqueue(session: Session, type: str, facts: Mapping[str, Any]) -> None:
    """Write an event into the outbox of the transaction that caused it, if an endpoint wants it.

    `facts` are what the audit log records: owner_id, client_id, target, actor, result, reason, ip, request_id, data.
    """
    if type not in HAPPENING:
        return
    wanting = _wanting(session, type, facts)
    if wanting:
        put(session, type, {**facts, "known_as": _known_as(session, type, facts)}, wanting)


def put(
    session: Session, type: str, facts: Mapping[str, Any], endpoints: Iterable[tuple[str, bool]], *, test: bool = False
) -> list[str]:
    """Write an event and its deliveries to these endpoints (id, whether it is on); the ids of the deliveries."""
    now_us = clock.now_us()
    now = now_us // 1_000_000
    event_id = secrets.random_id("evt_")
    session.execute(
        insert(WebhookEvent).values(
            id=event_id, type=type, at_us=now_us, owner_id=facts.get("owner_id"), facts=_kept(facts)
        )
    )
    rows = [
        {
            "id": secrets.random_id("whd_"),
            "endpoint_id": endpoint_id,
            "event_id": event_id,
            "event_us": now_us,
            "test": test,
            "state": "pending" if on else "missed",
            "attempts": 0,
            "sends": 0,
            "queued_at": now,
            "next_at": None if not on else 0 if test else now,
            "last_error": "",
        }
        for endpoint_id, on in endpoints
    ]
    session.execute(insert(WebhookDelivery), rows)
    wake_after(session)
    return [str(row["id"]) for row in rows]


def pause_all_of(session: Session, owner_id: str) -> list[WebhookEndpoint]:
    """Send nothing more to the endpoints of somebody who leaves, and drop their drafts; those that were on.

    For a transaction that records its own events.
    """
    now = clock.now()
    theirs = (WebhookEndpoint.owner_id == owner_id, WebhookEndpoint.deleted_at.is_(None))
    drafts = update(WebhookEndpoint).where(*theirs, WebhookEndpoint.draft)
    session.execute(drafts.values(deleted_at=now, stopped_at=now))
    on = select(WebhookEndpoint).where(*theirs, WebhookEndpoint.draft.is_(False), WebhookEndpoint.stopped_at.is_(None))
    rows = list(session.scalars(on.order_by(WebhookEndpoint.id).with_for_update(key_share=True)))
    for row in rows:
        row.stopped_at, row.stopped_because = now, PAUSED
    return rows


def forget_others(session: Session, owner_id: str, endpoint_id: str = "") -> None:
    """Drop what the person's endpoints (or one of them) were told of others, sent or waiting (contract 11.4).

    For a transaction that takes away what let them hear it.
    """
    theirs = select(WebhookEndpoint.id).where(WebhookEndpoint.owner_id == owner_id)
    theirs = theirs.where(WebhookEndpoint.id == endpoint_id if endpoint_id else WebhookEndpoint.everybody)
    own_apps = WebhookEvent.facts["client_id"].as_string().in_(select(Client.id).where(Client.owner_id == owner_id))
    own = or_(WebhookEvent.owner_id.is_not_distinct_from(owner_id), func.coalesce(own_apps, false()))
    session.execute(
        delete(WebhookDelivery).where(
            WebhookDelivery.endpoint_id.in_(theirs), WebhookDelivery.event_id.in_(select(WebhookEvent.id).where(~own))
        ),
        execution_options={"synchronize_session": False},
    )


def wake_after(session: Session) -> None:
    """Tell a courier in this process once the transaction is committed."""
    sqlalchemy_event.listen(session, "after_commit", lambda _session: news.set(), once=True)


def body(
    event_id: str, type: str, at_us: int, facts: Mapping[str, Any], *, own: bool, endpoint_id: str, retry_count: int,
    who: bool = True,
) -> bytes:  # fmt: skip
    """The bytes that are sent and signed. `own`: the endpoint's owner may know whom it concerns (contract 11.4).

    And with `who` also who did it, and from where: not where it was another person.
    """
    message = {
        "id": event_id,
        "type": type,
        "timestamp": _iso(at_us),
        "data": _data(type, facts, own=own, who=own and who),
        "metadata": {"webhook_id": endpoint_id, "retry_count": retry_count, "version": VERSION},
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def example(type: str, endpoint_id: str = "wh_2kTgYb7QnE4wLx9VfC0a") -> str:
    """A payload of this type, laid out for reading."""
    kind = EVENTS[type]
    user = "usr_4f9aTqLw2cVbN8xKpR3d"
    facts = {
        "owner_id": user if type != "signing_key.rotated" else None,
        "client_id": kind.target.partition(":")[2] if kind.client else None,
        "target": kind.target,
        "actor": f"user:{user}" if kind.result == "ok" else "",
        "result": kind.result,
        "reason": kind.reason,
        "ip": "198.51.100.7",
        "request_id": "req_01HZX3",
        "data": dict(kind.details),
    }
    made = body(
        "evt_9sVbQ3mXr7LkT2dYpW5c", type, 1_764_000_000_000_000, facts, own=True, endpoint_id=endpoint_id, retry_count=0
    )
    return json.dumps(json.loads(made), ensure_ascii=False, indent=2)


# Built once: whatever can be told of asks for them.
_LISTENING = (
    select(
        WebhookEndpoint.id,
        WebhookEndpoint.owner_id,
        WebhookEndpoint.events,
        WebhookEndpoint.everybody,
        WebhookEndpoint.stopped_at,
        User.role,
    )
    .join(User, User.id == WebhookEndpoint.owner_id)
    .where(WebhookEndpoint.deleted_at.is_(None), WebhookEndpoint.draft.is_(False), User.disabled_at.is_(None))
)


def _wanting(session: Session, type: str, facts: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """The endpoints that hear of it, and whether each is on."""
    rows = session.execute(_LISTENING).all()
    if not rows:
        return []
    concerned = {facts.get("owner_id"), _app_owner(session, facts)} - {None}
    longest = clock.now() - MISSED_DAYS * DAY
    return [
        (row.id, row.stopped_at is None)
        for row in rows
        if (ALL in row.events or type in row.events)
        and (row.owner_id in concerned or (row.everybody and row.role == "admin"))
        and (row.stopped_at is None or row.stopped_at > longest)
    ]


def _app_owner(session: Session, facts: Mapping[str, Any]) -> str | None:
    kind, _, id = str(facts.get("target", "")).partition(":")
    client_id = facts.get("client_id") or (id if kind == "client" else None)
    if not client_id:
        return None
    return session.scalar(select(Client.owner_id).where(Client.id == client_id))


def _known_as(session: Session, type: str, facts: Mapping[str, Any]) -> str | None:
    """What an app calls the person whom an event concerns; None where that is their id.

    Empty where an app with pairwise subjects was told of them in no sign-in. Two owners of such apps find out by no id
    that a person of theirs is one.
    """
    client_id, person_id = facts.get("client_id"), facts.get("owner_id")
    if type not in _ABOUT_SUBJECTS or not (client_id and person_id):
        return None
    told = told_subjects.latest(session, client_id, person_id)
    if told is not None:
        return told if told != person_id else None
    pairwise = session.scalar(select(Client.subject_type).where(Client.id == client_id)) == "pairwise"
    return "" if pairwise else None


def _kept(facts: Mapping[str, Any]) -> dict[str, Any]:
    names = ("owner_id", "client_id", "target", "actor", "result", "reason", "ip", "request_id", "data", "known_as")
    return {name: facts.get(name) for name in names}


def _data(type: str, facts: Mapping[str, Any], *, own: bool, who: bool) -> dict[str, Any]:
    if type == TEST:
        return dict(facts.get("data") or {})
    target = str(facts.get("target") or "")
    known: dict[str, Any] = {
        "result": facts.get("result") or "ok",
        "reason": facts.get("reason") or None,
        "target": target if own or not target.startswith("user:") else None,
        "user_id": _person(type, facts, own=own),
        "client_id": facts.get("client_id"),
        "details": details(facts.get("data") or {}, who=who),
    }
    if who:
        known |= {name: facts.get(name) or None for name in _WHO}
    return {name: value for name, value in known.items() if value is not None}


def _person(type: str, facts: Mapping[str, Any], *, own: bool) -> str | None:
    """Whom it concerns, as the reader may know them."""
    if own or (type in _ABOUT_SUBJECTS and facts.get("known_as") is None):
        return facts.get("owner_id")
    return facts.get("known_as") or None


def without_who(sent: str) -> str:
    """A body that was sent, for a reader who may not know who did it and from where."""
    message = json.loads(sent)
    data = {name: value for name, value in message["data"].items() if name not in _WHO}
    message["data"] = data | {"details": details(data.get("details") or {}, who=False)}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def details(data: Mapping[str, Any], *, who: bool) -> dict[str, Any]:
    """What an event says, for a reader who is told who did it and from where, or is not."""
    return {name: value for name, value in data.items() if who or name not in OF_WHO}


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
