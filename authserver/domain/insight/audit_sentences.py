"""Audit events in words: one sentence per type, and the names behind its references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.record import audit, outbox
from authserver.lib import user_agents
from authserver.models import ApiKey, AuditEvent, Client, SignInSession, User

# {actor} did it, {target} is what it was done to, {owner} whose history shows it, {client} the app it concerns,
# {name} what the event calls its object, {id} the target's bare id.
SENTENCES: Mapping[str, str] = {
    "user.login": "{actor} signed in",
    "user.login_failed": "Somebody failed to sign in to {target}",
    "user.login_after_failures": "{actor} signed in in a new browser, after several wrong passwords",
    "user.locked": "Sign-ins to {target} were slowed down after too many failures",
    "user.unlocked": "{actor} lifted the limit on sign-ins to {target}",
    "user.logout": "{actor} signed out",
    "session.ended": "{actor} ended a session of {owner}",
    "user.created": "{actor} created {target}",
    "user.sign_up_repeated": "Somebody tried to sign up with the address of {target}",
    "user.updated": "{actor} changed {target}",
    "user.disabled": "{actor} disabled {target}",
    "user.enabled": "{actor} enabled {target}",
    "user.deleted": "{actor} deleted {target}",
    "user.restored": "{actor} restored {target}",
    "user.erased": "The data of {target} was erased",
    "user.password_changed": "{actor} changed the password of {target}",
    "user.password_reset_requested": "Somebody asked for a reset link for {target}",
    "user.password_reset": "The password of {target} was reset with a link",
    "user.link_created": "{actor} made a one-time link for {target}",
    "consent.granted": "{actor} allowed {client}",
    "consent.denied": "{actor} refused {client}",
    "consent.narrowed": "{actor} took back a part of what {client} may do",
    "consent.revoked": "{actor} took back the access of {client}",
    "token.issued": "{actor} made a token with which {client} acts for itself",
    "token.revoked": "{actor} ended tokens of {client}",
    "refresh_token.reused": "A spent refresh token of {client} came back, so its whole family was revoked",
    "code.replayed": "A spent authorization code of {client} came back, so what it gave was revoked",
    "device_code.replayed": "A spent device code of {client} came back, so what it gave was revoked",
    "client.created": "{actor} registered {client}",
    "client.updated": "{actor} changed {client}",
    "client.blocked": "{actor} blocked apps of the {id} {name}",
    "client.unblocked": "{actor} took back the block of the {id} {name}",
    "client.transfer_offered": "{actor} offered {client} to somebody else",
    "client.transfer_withdrawn": "{actor} took back the offer of {client}",
    "client.transfer_declined": "{actor} declined {client}",
    "client.handed_over": "{actor} gave {client} to somebody else, because its owner was deleted",
    "client.transferred": "{actor} took {client} over",
    "client.secret_rotated": "{actor} rotated the secret of {client}",
    "client.secret_revoked": "{actor} revoked a secret of {client}",
    "client.secret_expiring": "An old secret of {client} that is still in use expires soon",
    "client.disabled": "{actor} disabled {client}",
    "client.enabled": "{actor} enabled {client}",
    "client.deleted": "{actor} deleted {client}",
    "client.restored": "{actor} brought {client} back",
    "api_key.created": "{actor} created the key {name}",
    "api_key.updated": "{actor} changed the key {name}",
    "api_key.rotated": "{actor} rotated the key {name}",
    "api_key.revoked": "{actor} revoked the key {name}",
    "registration_token.created": "{actor} made a token with which apps register themselves",
    "job.tried_again": "{actor} had a mail or a sign-out tried again that was given up",
    "registration_token.revoked": "{actor} ended a token with which apps register themselves",
    "signing_key.rotated": "{actor} made new signing keys",
    "signing_key.retired": "{actor} retired the signing key {id}",
    "signing_key.removed": "{actor} removed old signing keys",
    "scope.created": "{actor} created the scope {id}",
    "scope.updated": "{actor} changed the scope {id}",
    "scope.deleted": "{actor} deleted the scope {id}",
    "resource.created": "{actor} registered the API {id}",
    "resource.updated": "{actor} changed the API {id}",
    "resource.deleted": "{actor} deleted the API {id}",
    "permission.updated": "{actor} changed what keys with {name} may do",
    "route_table.updated": "{actor} changed the route table {id}",
    "route_table.deleted": "{actor} deleted the route table {id}",
    "outbound.blocked": "A request of this server to {id} was not sent",
    "webhook.created": "{actor} set up the webhook {name}",
    "webhook.updated": "{actor} changed the webhook {name}",
    "webhook.deleted": "{actor} deleted the webhook {name}",
    "webhook.enabled": "{actor} switched the webhook {name} on",
    "webhook.paused": "{actor} paused the webhook {name}",
    "webhook.secret_rotated": "{actor} rotated the secret of the webhook {name}",
    "webhook.secret_retired": "{actor} ended the old secret of the webhook {name}",
    "webhook.disabled": "The webhook {name} was switched off",
    "webhook.replayed": "{actor} had deliveries of the webhook {name} sent again",
    "api_key.expiring": "The key {name} expires soon",
    "user.exported": "{actor} exported the list of people",
    "audit.exported": "{actor} exported the audit log",
    "database.restored": "{actor} restored a backup: every session, grant and token of before ended",
}
_BY_ITSELF = "{client} registered itself"
_ACCESS = ("consent.", "token.", "refresh_token.", "code.", "device_code.")
_SERVER = (
    "job.",
    "signing_key.",
    "scope.",
    "resource.",
    "permission.",
    "route_table.",
    "audit.",
    "outbound.",
    "database.",
)
_SIGN_INS = (
    "user.login", "user.login_failed", "user.login_after_failures", "user.locked", "user.unlocked", "user.logout",
    "session.ended",
)  # fmt: skip
# Groups of the page's filter: label and types.
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sign_ins": ("Sign-ins", _SIGN_INS),
    "people": ("People", tuple(each for each in SENTENCES if each.startswith("user.") and each not in _SIGN_INS)),
    "access": (
        "Access and tokens",
        tuple(each for each in SENTENCES if each.startswith(_ACCESS)),
    ),
    "apps": ("Apps", tuple(each for each in SENTENCES if each.startswith(("client.", "registration_token.")))),
    "keys": ("API keys", tuple(each for each in SENTENCES if each.startswith("api_key."))),
    "webhooks": ("Webhooks", tuple(each for each in SENTENCES if each.startswith("webhook."))),
    "server": ("Server", tuple(each for each in SENTENCES if each.startswith(_SERVER))),
}
_NAMELESS = {"cli": "The command line", "system": "The server", "": "Nobody"}


@dataclass(frozen=True, slots=True)
class Told:
    """One event for one viewer. What is another person's (address, browser, who it was) is left empty."""

    seq: int
    at: int  # epoch seconds
    type: str
    sentence: str
    result: str
    reason: str
    actor: str
    target: str
    by: str  # the actor's name, as far as the viewer may know it
    about: str  # the target's name
    client_id: str
    ip: str
    user_agent: str
    request_id: str
    data: dict[str, Any]
    hash: str


def for_viewer(events: Iterable[AuditEvent], viewer: User) -> list[Told]:
    """The events as this person may read them: an app's owner sees what happened, not who somebody else is."""
    events = list(events)
    known = names(events, viewer.id, everybody=viewer.is_admin)
    return [_told(event, known, viewer) for event in events]


def browsers(told: Iterable[Told]) -> dict[str, str]:
    """The browsers behind the fingerprints of these events in words, as far as a session remembers them."""
    told = list(told)
    people = {each.actor.partition(":")[2] for each in told if each.user_agent and each.actor.startswith("user:")}
    if not people:
        return {}
    with database.reading() as session:
        wanted = select(SignInSession.user_agent).where(SignInSession.user_id.in_(people)).distinct()
        return {audit.fingerprint(each): user_agents.describe(each).text for each in session.scalars(wanted)}


def tell(event: AuditEvent, names: Mapping[str, str], viewer_id: str = "") -> str:
    """The event as a sentence for this viewer; a type without one is told by its name."""
    sentence = _BY_ITSELF if event.data.get("self_registered") else SENTENCES.get(event.type, event.type)
    about = {
        "actor": _actor(event.actor, names, viewer_id),
        "target": _thing(event.target, names, viewer_id),
        "owner": _thing(f"user:{event.owner_id}" if event.owner_id else "", names, viewer_id),
        "client": _thing(f"client:{event.client_id}" if event.client_id else event.target, names, viewer_id),
        "name": _quoted(event.data.get("name")) or _thing(event.target, names, viewer_id),
        "id": event.target.partition(":")[2],
    }
    used = [field for _, field, _, _ in Formatter().parse(sentence) if field]
    return sentence.format(**{field: about[field] for field in used})


def names(events: Iterable[AuditEvent], viewer_id: str = "", *, everybody: bool = False) -> dict[str, str]:
    """The names of what the events refer to, by reference (`user:…`, `client:…`, `key:…`).

    The log holds ids, so that erasing a person leaves it whole. Whose address or key is none of the viewer's business
    stays unnamed: `everybody` is for administrators.
    """
    events = list(events)
    found = {reference for event in events for reference in _references(event)}
    with database.reading() as session:
        people = _names(session, found, "user", User, "email") if everybody else {}
        own = f"user:{viewer_id}"
        return {
            **{reference: name for reference, name in people.items() if reference != own},
            **_names(session, found, "client", Client, "name"),
            **_names(session, found, "key", ApiKey, "name", *([] if everybody else [ApiKey.owner_id == viewer_id])),
        }


def _told(event: AuditEvent, known: Mapping[str, str], viewer: User) -> Told:
    mine = event.owner_id == viewer.id or event.actor == f"user:{viewer.id}"
    # What another person did to what is mine has their address and browser.
    own = viewer.is_admin or (mine and _seen(event.actor, known, viewer) == event.actor)
    return Told(
        seq=event.seq,
        at=event.at_us // 1_000_000,
        type=event.type,
        sentence=tell(event, known, viewer.id),
        result=event.result,
        reason=event.reason.replace("_", " "),
        actor=_seen(event.actor, known, viewer),
        target=_seen(event.target, known, viewer),
        by=_actor(event.actor, known, viewer.id),
        about=_thing(event.target, known, viewer.id),
        client_id=event.client_id or "",
        ip=event.ip if own else "",
        user_agent=event.user_agent if own else "",
        request_id=event.request_id if own else "",
        data=outbox.details(event.data, who=own),
        hash=event.hash,
    )


def _seen(reference: str, known: Mapping[str, str], viewer: User) -> str:
    kind = reference.partition(":")[0]
    strange = (kind == "user" and reference != f"user:{viewer.id}") or (kind == "key" and reference not in known)
    return "another person" if strange and not viewer.is_admin else reference


def _references(event: AuditEvent) -> tuple[str, ...]:
    return (event.actor, event.target, f"user:{event.owner_id}", f"client:{event.client_id}")


def _names(
    session: Session,
    references: Iterable[str],
    kind: str,
    model: type[User] | type[Client] | type[ApiKey],
    column: str,
    *which: ColumnElement[bool],
) -> dict[str, str]:
    ids = [id for prefix, _, id in (each.partition(":") for each in references) if prefix == kind]
    rows = session.execute(select(model.id, getattr(model, column)).where(model.id.in_(ids), *which)) if ids else ()
    return {f"{kind}:{id}": name for id, name in rows}


def _actor(reference: str, names: Mapping[str, str], viewer_id: str) -> str:
    if viewer_id and reference == f"user:{viewer_id}":
        return "You"
    return _NAMELESS.get(reference) or names.get(reference) or _unnamed(reference).capitalize()


def _thing(reference: str, names: Mapping[str, str], viewer_id: str) -> str:
    if viewer_id and reference == f"user:{viewer_id}":
        return "your account"
    return names.get(reference) or _unnamed(reference)


def _unnamed(reference: str) -> str:
    kind = reference.partition(":")[0]
    return {
        "user": "another person", "client": "an app", "key": "a key", "grant": "an app", "access_token": "an app",
    }.get(kind, reference)  # fmt: skip


def _quoted(name: object) -> str:
    return f"“{name}”" if isinstance(name, str) and name else ""
