"""Reports of leaked credentials: whoever shows one has it, so it ends at once, and its owner is told."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients, endings, registration_tokens, self_registered
from authserver.domain.clients import directory as client_directory
from authserver.domain.ground import mails, throttle
from authserver.domain.limits import rate_limits
from authserver.domain.people import users
from authserver.domain.tokens import app_makings, makings, revocation
from authserver.domain.tokens.makings import Ended
from authserver.errors import RateLimited
from authserver.lib import clock, jwt, secrets
from authserver.models import ApiKey, Client, ClientSecret, User
from authserver.observability import logs

POLICY, LIMIT = "leaks", "30/minute"
BECAUSE = "reported as leaked"


def report(credential: str, found_at: str, *, ip: str) -> None:
    """End a credential that somebody found, and what was made or got with it. The same for what we never made.

    `found_at` says where, in the reporter's words. Raises RateLimited for too many reports from one network.
    """
    state = rate_limits.consume(POLICY, throttle.address_key(ip), LIMIT)
    if not state.allowed:
        raise RateLimited(
            "Too many reports of one network. Try again in a minute.",
            f"leak reports, {ip}",
            retry_after=state.retry_after,
        )
    kind = "jwt" if jwt.looks_like_jwt(credential) else secrets.kind_of(credential)
    logs.event("leak_reported", credential=kind or "unknown")
    if kind == "ak":
        _end_key(credential, found_at)
    elif kind == "cs":
        _end_client_secret(credential, found_at)
    elif kind in ("at", "rt", "jwt"):
        _end_token(credential, found_at)
    elif kind == self_registered.KIND:
        self_registered.end_leaked(credential, BECAUSE)
    elif kind == registration_tokens.KIND:
        _end_registration_token(credential, found_at)


def _end_key(credential: str, found_at: str) -> None:
    wanted = (ApiKey.digest == secrets.digest(credential), ApiKey.revoked_at.is_(None))
    with database.reading() as session:
        found = session.execute(select(ApiKey.id, ApiKey.owner_id).where(*wanted)).one_or_none()
    if found is None:
        return
    with database.together(), database.transaction() as session:
        owner = session.get_one(User, found.owner_id)
        ended = makings.end(session, owner, f"key:{found.id}", BECAUSE)
        key = api_keys.revoke(None, found.id, because=BECAUSE)
        _tell(session, owner, f"the API key {key.name} ({key.hint})", found_at, ended)


def _end_client_secret(credential: str, found_at: str) -> None:
    wanted = (ClientSecret.digest == secrets.digest(credential), ClientSecret.revoked_at.is_(None))
    belongs = select(
        ClientSecret.id, ClientSecret.hint, ClientSecret.created_at, Client.owner_id, Client.id.label("client_id")
    ).join(Client)  # fmt: skip
    with database.reading() as session:
        # Of an app that was deleted, too: it may be restored with its secrets.
        found = session.execute(belongs.where(*wanted, client_directory.restorable())).one_or_none()
    if found is None:
        return
    with database.together(), database.transaction() as session:
        owner = session.get(User, found.owner_id) if found.owner_id else None
        ended = makings.end(session, owner, f"client:{found.client_id}", BECAUSE, made_at=found.created_at)
        app = endings.end_secret(None, found.id, BECAUSE)
        if owner is not None:
            _tell(session, owner, f"a secret of the app {app.name} ({found.hint})", found_at, ended)


def _end_token(credential: str, found_at: str) -> None:
    """A token, and what was made by tokens of that sign-in's app since it began."""
    grant = revocation.grant_behind(credential)
    if not revocation.revoke(credential, None, BECAUSE) or grant is None:
        return
    owner, app = users.find(grant.user_id), clients.find(grant.client_id)
    ended = app_makings.end_all(owner, [grant.client_id], grant.created_at) if owner is not None else 0
    if ended and owner is not None:
        with database.transaction() as session:
            _tell(session, owner, f"a token of the app {app.name if app else ''}", found_at, Ended(ended, 0))


def _end_registration_token(credential: str, found_at: str) -> None:
    with database.together(), database.transaction() as session:
        row = registration_tokens.end_leaked(credential, BECAUSE)
        maker = _person_behind(session, row.created_by) if row is not None else None
        if row is not None and maker is not None:
            _tell(session, maker, f"the token {row.hint}, with which apps are registered,", found_at, Ended(0, 0))


def _person_behind(session: Session, actor: str) -> User | None:
    """Who made something, themselves or with a key, or the owner of the app that did; None for the command line."""
    kind, _, id = actor.partition(":")
    owners = {
        "key": select(ApiKey.owner_id).where(ApiKey.id == id),
        "client": select(Client.owner_id).where(Client.id == id),
    }
    person_id = session.scalar(owners[kind]) if kind in owners else id if kind == "user" else None
    return session.get(User, person_id) if person_id else None


def _tell(session: Session, owner: User, what: str, found_at: str, ended: Ended) -> None:
    about = {"name": owner.name, "what": what, "found_at": found_at, "ended": ended.count, "left": ended.left}
    mails.send(session, owner.email, "leaked", whose=owner.id, at=clock.now(), **about)
