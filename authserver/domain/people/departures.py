"""Deleting people: everything of theirs ends at once; for seven days they can be brought back (contract 11.38)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import registration_tokens, transfers
from authserver.domain.grants import consents, grants
from authserver.domain.ground import cache, lists, one_time_links
from authserver.domain.people import known_devices, living, sessions, usernames, users
from authserver.domain.record import audit, outbox
from authserver.errors import Conflict, Invalid, NotFound
from authserver.lib import clock
from authserver.models import (
    ApiKey,
    AuditEvent,
    Client,
    Consent,
    Grant,
    RegistrationToken,
    Resource,
    SignInSession,
    User,
    WebhookEndpoint,
)

END, TRANSFER = "end", "transfer"
WRONG_CHOICE = "Say what becomes of the apps: end, which disables them, or transfer: and whose they become."
# What is to be known of somebody who was just restored, by the state that they are in then.
RESTORED = {
    "active": "Its person signs in as before; apps and webhooks have to be switched on again.",
    "invited": "Its person has no password and needs a new one-time link to choose one.",
    "disabled": "It is still disabled, as it was before: enable it to let its person in.",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person has, in numbers, for whoever is about to delete them."""

    apps: int
    apis: int
    keys: int
    webhooks: int
    connected_apps: int
    sessions: int
    events: int


@dataclass(frozen=True, slots=True)
class _Ended:
    sessions: int
    connected: list[str]
    keys: list[ApiKey]
    webhooks: list[WebhookEndpoint]
    apps: list[Client]
    tokens: list[RegistrationToken]

    @property
    def counts(self) -> dict[str, int]:
        return {
            "sessions": self.sessions, "connected_apps": len(self.connected), "keys": len(self.keys),
            "webhooks": len(self.webhooks), "apps": len(self.apps),
        }  # fmt: skip


def standing(user_id: str) -> Standing:
    """What ends, or stays, if this person is deleted now."""
    now = clock.now()
    with database.reading() as session:

        def count(model: Any, *conditions: ColumnElement[bool]) -> int:
            return session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0

        allowed = select(Consent.client_id).where(Consent.user_id == user_id, Consent.revoked_at.is_(None))
        held = select(Grant.client_id).where(
            Grant.user_id == user_id, Grant.revoked_at.is_(None), Grant.expires_at > now
        )
        return Standing(
            apps=count(Client, Client.owner_id == user_id, Client.deleted_at.is_(None)),
            apis=count(Resource, Resource.owner_id == user_id),
            keys=count(
                ApiKey,
                ApiKey.owner_id == user_id,
                ApiKey.revoked_at.is_(None),
                ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now),
            ),
            webhooks=count(
                WebhookEndpoint,
                WebhookEndpoint.owner_id == user_id,
                WebhookEndpoint.deleted_at.is_(None),
                WebhookEndpoint.draft.is_(False),
            ),
            connected_apps=count(allowed.union(held).subquery()),
            sessions=count(
                SignInSession,
                SignInSession.user_id == user_id,
                SignInSession.ended_at.is_(None),
                SignInSession.expires_at > now,
            ),
            events=lists.count(session, select(AuditEvent.seq).where(AuditEvent.owner_id == user_id)),
        )


def choice(text: str) -> str | None:
    """Who gets the apps, as it was written, of `end` (nobody: None) or `transfer:<who>`. Raises Invalid."""
    if text == END:
        return None
    kind, _, who = text.partition(":")
    if kind != TRANSFER or not who:
        raise Invalid(WRONG_CHOICE, "no choice for the apps", field="apps")
    return who


def restored_state(user: User) -> str:
    """The state in which a restore leaves a deleted person: as they were."""
    if user.disabled_at != user.deleted_at:
        return "disabled"
    return "active" if user.password_hash else "invited"


def erased_at(user: User) -> int | None:
    """When the data of a deleted person goes (epoch seconds), and until when they can be restored; else None."""
    return None if user.deleted_at is None else user.deleted_at + living.RESTORABLE


def delete(user_id: str, *, heir_id: str | None = None, by_id: str | None = None) -> User:
    """End everything of a person at once, for good; their apps are the heir's, or disabled. Twice is no error.

    `by_id` as for `users.disable`. Raises NotFound; Conflict for the last administrator, oneself, an heir who
    cannot have the apps or comes too late.
    """
    users.require_other(by_id, user_id, "delete your own account")
    with database.transaction() as session:
        users.require_another_admin(session, user_id)
        user, heir = _both(session, user_id, heir_id)
        if user.deleted_at is not None:
            if heir is not None:  # silence would say that the apps are safe, and they are erased with their owner
                raise Conflict("This person is deleted already. Restore them, then give the apps away.", field="apps")
            return user
        now = clock.now()
        # Somebody who was disabled before stays so after a restore; the second tells which of the two it was.
        user.disabled_at = now if user.disabled_at is None else min(user.disabled_at, now - 1)
        user.deleted_at, user.tokens_not_before = now, now + 1
        usernames.retire(session, user)
        cache.touch(session, "clients", [user_id])
        ended = _end(session, user, heir)
        _record(session, user, ended)
        audit.record(
            session, "user.deleted", target=f"user:{user_id}", owner_id=user_id, heir=heir.id if heir else None,
            ended=ended.counts,
        )  # fmt: skip
    return user


def restore(user_id: str) -> User:
    """Let a deleted person in again, as they were: disabled if they were; nothing that ended lives again.

    Raises NotFound; Conflict for somebody who is not deleted, or whose seven days are over.
    """
    with database.transaction() as session:
        user, _ = _both(session, user_id, None)
        if user.deleted_at is None:
            raise Conflict("This person isn't deleted.")
        if user.deleted_at + living.RESTORABLE <= clock.now():
            raise Conflict("The seven days in which this person could be restored are over.")
        ended = _end(session, user, None)  # what slipped in while they were being deleted
        if user.disabled_at == user.deleted_at:
            user.disabled_at = None
        user.deleted_at, user.tokens_not_before = None, clock.now() + 1
        cache.touch(session, "clients", [user_id])
        _record(session, user, ended)
        audit.record(session, "user.restored", target=f"user:{user_id}", owner_id=user_id)
    return user


def _both(session: Session, user_id: str, heir_id: str | None) -> tuple[User, User | None]:
    """The person and who gets their apps; locked in one order, so that two who inherit of each other do not hang."""
    wanted = select(User).where(User.id.in_([user_id, heir_id or user_id])).order_by(User.id)
    found = {row.id: row for row in session.scalars(wanted.with_for_update(key_share=True))}
    if user_id not in found:
        raise NotFound("There is no such person.")
    if heir_id is None:
        return found[user_id], None
    heir = found.get(heir_id)
    if heir is None or heir.id == user_id or heir.disabled_at is not None:
        raise Conflict("Give the apps to somebody else, who has an account that isn't disabled.", field="apps")
    return found[user_id], heir


def _end(session: Session, user: User, heir: User | None) -> _Ended:
    one_time_links.kill(session, user.id, *one_time_links.PURPOSES)
    one_time_links.kill_made_by(session, [f"user:{user.id}"])
    known_devices.forget_all(session, user.id)
    ended = _Ended(
        sessions=sessions.end_all_in(session, user.id),
        connected=consents.revoke_all_in(session, user.id),
        keys=api_keys.revoke_all_in(session, user.id),
        webhooks=outbox.pause_all_of(session, user.id),
        apps=transfers.leave(session, user, heir),
        tokens=registration_tokens.end_all_of(session, f"user:{user.id}"),
    )
    grants.end(session, "user deleted", Grant.user_id == user.id)
    session.flush()
    return ended


def _record(session: Session, user: User, ended: _Ended) -> None:
    """One event for each thing that ended; after all other writes, because the log's end is locked by the first."""
    for client_id in ended.connected:
        consents.record_revoked(session, user.id, client_id)
    for key in ended.keys:
        api_keys.record_revoked(session, key, "owner deleted")
    for hook in ended.webhooks:
        audit.record(session, "webhook.paused", target=f"webhook:{hook.id}", owner_id=user.id, name=hook.name)
    for app in ended.apps:
        transfers.record_left(session, app, user)
    for token in ended.tokens:
        registration_tokens.record_revoked(session, token)
