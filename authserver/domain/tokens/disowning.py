""" "This wasn't me": what was made in somebody's name since a moment, and ending it (contract 11.52)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, literal, or_, select, union_all
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
    return standing(user, max(moment, clock.now() - LONGEST))


def standing(user: User, moment: int) -> list[Made]:
    """The same, however long ago that moment is."""
    with database.reading() as session:
        changed = _changed(session, user, moment)
        who = empowered.actors(session, user, moment)
        done = empowered.acts(session, user, moment, who, *_DOWNLOADS)
        found = _standing(session, user, moment, changed, who, done)
        found += [Made(*each) for each in empowered.links(session, who, moment)]
        found += [Made(*each) for each in empowered.people(session, user, done)]
        found += [Made(*each) for each in empowered.settings(user, done)]
    found += [
        Made("download", str(each.seq), _DOWNLOADS[each.type], each.at_us // 1_000_000)
        for each in done
        if each.type in _DOWNLOADS
    ]
    return sorted(found, key=lambda each: each.at, reverse=True)


def end(user: User, chosen: Collection[str], moment: int) -> int:
    """End those of `since` whose references are chosen, all or none; returns how many. Apps are only disabled."""
    return end_found(user, lambda: since(user, moment), chosen)


def end_found(user: User, find: Callable[[], list[Made]], chosen: Collection[str] | None = None) -> int:
    """The same of what `find` finds once nothing more is made; all of it where nothing is chosen (None)."""
    with database.together():
        hold(user)
        ending = [each for each in find() if each.ends and (chosen is None or each.reference in chosen)]
        for each in ending:
            _END[each.kind](user, each.id)
    return len(ending)


def hold(user: User) -> None:
    """Let nothing more be made in somebody's name until what several verbs share is written."""
    with database.transaction() as session:
        if user.is_admin:
            users.hold_administrators()  # before anybody else is locked
        person_locks.take(session, user.id)


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


def _standing(
    session: Session,
    user: User,
    moment: int,
    changed: dict[str, int],
    who: Collection[str],
    done: Sequence[AuditEvent],
) -> list[Made]:
    """What is a row of its own, in one statement."""
    looks = [
        _keys(user, moment, changed), _apps(user, moment, changed), _secrets(user, moment),
        _webhooks(user, moment, changed), _consents(user, moment), _offers(user, moment),
        *empowered.looks(user, moment, who, done),
    ]  # fmt: skip
    of_others = empowered.changed_apps(done)
    found = []
    for kind, id, name, at in session.execute(union_all(*looks)):
        if kind == empowered.OTHERS:
            found.append(Made("app", id, name, of_others[id]))
        else:
            found.append(Made(kind, id, name, max(at, changed.get(f"key:{id}", 0)) if kind == "key" else at))
    return found


_CHANGES = ("api_key.updated", "client.enabled", "client.restored", "webhook.enabled")


def _changed(session: Session, user: User, moment: int) -> dict[str, int]:
    """When what is theirs was changed or let go on, as the audit log names it (`key:…`), the last time."""
    told = (AuditEvent.owner_id == user.id, AuditEvent.type.in_(_CHANGES), AuditEvent.at_us >= moment * 1_000_000)
    last = select(AuditEvent.target, func.max(AuditEvent.at_us).label("at_us")).where(*told)
    return {row.target: row.at_us // 1_000_000 for row in session.execute(last.group_by(AuditEvent.target))}


def _ids(changed: dict[str, int], kind: str) -> list[str]:
    return [target.partition(":")[2] for target in changed if target.startswith(f"{kind}:")]


def _keys(user: User, moment: int, changed: dict[str, int]) -> Select[str, str, str, int]:
    """Keys that were made, and those of before whose networks or limit were changed: a stolen one may reach further."""
    return select(literal("key"), ApiKey.id, ApiKey.name, ApiKey.created_at).where(
        ApiKey.owner_id == user.id,
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.created_at >= moment, ApiKey.id.in_(_ids(changed, "key"))),
    )


def _apps(user: User, moment: int, changed: dict[str, int]) -> Select[str, str, str, int]:
    """Apps that were made or changed, and stopped ones that were let go on: a thief may know their secrets."""
    return select(literal("app"), Client.id, Client.name, Client.updated_at).where(
        Client.owner_id == user.id,
        or_(Client.updated_at >= moment, Client.id.in_(_ids(changed, "client"))),
        Client.deleted_at.is_(None),
        Client.disabled_at.is_(None),
    )


def _secrets(user: User, moment: int) -> Select[str, str, str, int]:
    wanted = select(literal("secret"), ClientSecret.id, Client.name, ClientSecret.created_at)
    made = (ClientSecret.created_at >= moment, ClientSecret.revoked_at.is_(None))
    return wanted.join(Client, Client.id == ClientSecret.client_id).where(Client.owner_id == user.id, *made)


def _webhooks(user: User, moment: int, changed: dict[str, int]) -> Select[str, str, str, int]:
    hook = WebhookEndpoint
    later = case((hook.secret_made_at > hook.updated_at, hook.secret_made_at), else_=hook.updated_at)
    return select(literal("webhook"), hook.id, hook.name, later).where(
        hook.owner_id == user.id,
        or_(hook.updated_at >= moment, hook.secret_made_at >= moment, hook.id.in_(_ids(changed, "webhook"))),
        hook.deleted_at.is_(None),
        hook.draft.is_(False),
    )


def _consents(user: User, moment: int) -> Select[str, str, str, int]:
    """Apps that were allowed more, and those that were signed in to with what had been allowed before."""
    allowed = (Consent.user_id == user.id, Consent.updated_at >= moment, Consent.revoked_at.is_(None))
    live = (Grant.user_id == user.id, Grant.revoked_at.is_(None), Grant.expires_at > clock.now())
    looks = (
        select(Consent.client_id, Consent.updated_at.label("at")).where(*allowed),
        select(Grant.client_id, Grant.created_at.label("at")).where(*live, Grant.created_at >= moment),
    )
    both = union_all(*looks).subquery()
    apps = select(literal("consent"), Client.id, Client.name, func.max(both.c.at))
    return apps.join(both, both.c.client_id == Client.id).group_by(Client.id, Client.name)


def _offers(user: User, moment: int) -> Select[str, str, str, int]:
    offer = ClientTransfer
    made = (offer.offered_by == user.id, offer.offered_at >= moment, offer.expires_at > clock.now())
    wanted = select(literal("offer"), offer.client_id, Client.name, offer.offered_at)
    return wanted.join(Client, Client.id == offer.client_id).where(*made)


_DOWNLOADS = {"audit.exported": "the audit log", "user.exported": "the list of people"}


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
