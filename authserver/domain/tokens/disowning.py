""" "This wasn't me": what was made in somebody's name since a moment, and ending it (contract 11.52)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select, union_all
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import endings, transfers
from authserver.domain.grants import consents
from authserver.domain.ground import person_locks
from authserver.domain.people import sign_ins, users
from authserver.domain.tokens import empowered
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.lib import clock
from authserver.models import (
    ApiKey,
    AuditEvent,
    Client,
    ClientSecret,
    ClientTransfer,
    Consent,
    Grant,
    SignInSession,
    User,
    WebhookEndpoint,
)

LONGEST = 90 * 86_400
KINDS = {
    "key": "API key", "app": "App", "secret": "Client secret", "webhook": "Webhook", "consent": "Connected app",
    "offer": "Offer of an app", "download": "Download", **empowered.KINDS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """One thing that was made, rotated, allowed or downloaded; `at` in epoch seconds."""

    kind: str
    id: str
    name: str
    at: int

    @property
    def reference(self) -> str:
        """What a form sends for it."""
        return f"{self.kind}:{self.id}"

    @property
    def ends(self) -> bool:
        """Whether it can be ended."""
        return self.kind not in ("download", *empowered.LASTING)


def first_sign_in(user_id: str) -> int:
    """When the oldest of a person's sessions that live, or lived in the last week, began (epoch seconds)."""
    now = clock.now()
    with database.reading() as session:
        found = session.scalar(
            select(func.min(SignInSession.created_at)).where(
                SignInSession.user_id == user_id, SignInSession.created_at > now - 7 * 86_400
            )
        )
    return found or now


def since(user: User, moment: int) -> list[Made]:
    """What a person's account made, allowed or downloaded since then and still stands, newest first."""
    moment = max(moment, clock.now() - LONGEST)
    with database.reading() as session:
        found = [*_keys(session, user, moment), *_apps(session, user, moment), *_secrets(session, user, moment)]
        found += [*_webhooks(session, user, moment), *_consents(session, user, moment)]
        found += _offers(session, user, moment)
        found += [Made(*each) for each in empowered.since(session, user, moment)]
        found += _downloads(session, user, moment)
    return sorted(found, key=lambda each: each.at, reverse=True)


def end(user: User, chosen: Collection[str], moment: int) -> int:
    """End those of `since` whose references are chosen, all or none; returns how many. Apps are only disabled."""
    with database.together():
        with database.transaction() as session:
            if user.is_admin:
                users.hold_administrators()  # before anybody else is locked
            person_locks.take(session, user.id)
        ending = [each for each in since(user, moment) if each.ends and each.reference in chosen]
        for each in ending:
            _END[each.kind](user, each.id)
    return len(ending)


def disown(token: str, *, everything: bool) -> tuple[User, int]:
    """Answer the mailed link: sessions, browsers and apps' access end; with `everything` all that was made since, too.

    Returns whose account it is and how many things ended. The link ends things and proves nothing else. Raises
    NotFound.
    """
    with database.together():  # a link that is used up has ended everything
        users.hold_administrators()
        user, moment = sign_ins.disown_sign_in(token)
        ended = _end_all(user, moment) if everything else 0
    # What a request of the thief wrote while this was being written; those that come after find no session.
    return user, ended + (_end_all(user, moment) if everything else 0)


def _end_all(user: User, moment: int) -> int:
    return end(user, {each.reference for each in since(user, moment)}, moment)


def _keys(session: Session, user: User, moment: int) -> list[Made]:
    """Keys that were made, and those of before whose networks or limit were changed: a stolen one may reach further."""
    changed = _keys_changed(session, user, moment)
    rows = session.scalars(
        select(ApiKey).where(
            ApiKey.owner_id == user.id,
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.created_at >= moment, ApiKey.id.in_(changed)),
        )
    )
    return [Made("key", row.id, row.name, max(row.created_at, changed.get(row.id, 0))) for row in rows]


def _keys_changed(session: Session, user: User, moment: int) -> dict[str, int]:
    rows = session.execute(
        select(AuditEvent.target, func.max(AuditEvent.at_us).label("at_us"))
        .where(
            AuditEvent.owner_id == user.id,
            AuditEvent.type == "api_key.updated",
            AuditEvent.at_us >= moment * 1_000_000,
        )
        .group_by(AuditEvent.target)
    )
    return {row.target.partition(":")[2]: row.at_us // 1_000_000 for row in rows}


def _apps(session: Session, user: User, moment: int) -> list[Made]:
    """Apps that were made or changed, and stopped ones that were let go on: a thief may know their secrets."""
    again = _told(user, moment, "client.enabled", "client.restored").with_only_columns(AuditEvent.client_id)
    rows = session.scalars(
        select(Client).where(
            Client.owner_id == user.id,
            or_(Client.updated_at >= moment, Client.id.in_(again)),
            Client.deleted_at.is_(None),
            Client.disabled_at.is_(None),
        )
    )
    return [Made("app", row.id, row.name, row.updated_at) for row in rows]


def _secrets(session: Session, user: User, moment: int) -> list[Made]:
    rows = session.execute(
        select(ClientSecret.id, ClientSecret.created_at, Client.name)
        .join(Client, Client.id == ClientSecret.client_id)
        .where(Client.owner_id == user.id, ClientSecret.created_at >= moment, ClientSecret.revoked_at.is_(None))
    )
    return [Made("secret", row.id, row.name, row.created_at) for row in rows]


def _webhooks(session: Session, user: User, moment: int) -> list[Made]:
    again = session.scalars(_told(user, moment, "webhook.enabled").with_only_columns(AuditEvent.target)).all()
    rows = session.scalars(
        select(WebhookEndpoint).where(
            WebhookEndpoint.owner_id == user.id,
            or_(
                WebhookEndpoint.updated_at >= moment,
                WebhookEndpoint.secret_made_at >= moment,
                WebhookEndpoint.id.in_(each.removeprefix("webhook:") for each in again),
            ),
            WebhookEndpoint.deleted_at.is_(None),
            WebhookEndpoint.draft.is_(False),
        )
    )
    return [Made("webhook", row.id, row.name, max(row.updated_at, row.secret_made_at)) for row in rows]


def _consents(session: Session, user: User, moment: int) -> list[Made]:
    """Apps that were allowed more, and those that were signed in to with what had been allowed before."""
    allowed = (Consent.user_id == user.id, Consent.updated_at >= moment, Consent.revoked_at.is_(None))
    live = (Grant.user_id == user.id, Grant.revoked_at.is_(None), Grant.expires_at > clock.now())
    looks = (
        select(Consent.client_id, Consent.updated_at.label("at")).where(*allowed),
        select(Grant.client_id, Grant.created_at.label("at")).where(*live, Grant.created_at >= moment),
    )
    both = union_all(*looks).subquery()
    apps = select(Client.id, Client.name, func.max(both.c.at).label("at")).join(both, both.c.client_id == Client.id)
    return [Made("consent", row.id, row.name, row.at) for row in session.execute(apps.group_by(Client.id, Client.name))]


def _told(user: User, moment: int, *types: str) -> Any:
    """Events of these types about what is this person's, since then."""
    told = (AuditEvent.owner_id == user.id, AuditEvent.type.in_(types), AuditEvent.at_us >= moment * 1_000_000)
    return select(AuditEvent).where(*told)


def _offers(session: Session, user: User, moment: int) -> list[Made]:
    rows = session.execute(
        select(ClientTransfer.client_id, ClientTransfer.offered_at, Client.name)
        .join(Client, Client.id == ClientTransfer.client_id)
        .where(ClientTransfer.offered_by == user.id, ClientTransfer.offered_at >= moment)
        .where(ClientTransfer.expires_at > clock.now())
    )
    return [Made("offer", row.client_id, row.name, row.offered_at) for row in rows]


_DOWNLOADS = {"audit.exported": "the audit log", "user.exported": "the list of people"}


def _downloads(session: Session, user: User, moment: int) -> list[Made]:
    rows = session.scalars(
        select(AuditEvent).where(
            AuditEvent.actor == f"user:{user.id}",
            AuditEvent.type.in_(_DOWNLOADS),
            AuditEvent.at_us >= moment * 1_000_000,
        )
    )
    return [Made("download", str(row.seq), _DOWNLOADS[row.type], row.at_us // 1_000_000) for row in rows]


def _end_app(user: User, client_id: str) -> None:
    endings.disable(user, client_id)
    endings.revoke_tokens(user, client_id)


_END: dict[str, Any] = {
    "key": lambda user, id: api_keys.revoke(user.id, id, because="disowned"),
    "app": _end_app,
    "secret": lambda user, id: endings.end_secret(user, id, "disowned"),
    "webhook": lambda user, id: webhook_endpoints.delete(user.id, id),
    "offer": lambda user, id: transfers.take_back(user, id),
    "consent": lambda user, id: consents.revoke(user.id, id),
    **empowered.END,
}
