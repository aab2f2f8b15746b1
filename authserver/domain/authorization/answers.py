"""Answers to stored authorization requests: of one person, once, with consent, grant, code and event in one go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.access import scopes
from authserver.domain.authorization import requested_claims
from authserver.domain.authorization import requests as authorization_requests
from authserver.domain.authorization.requests import Answered, Pending
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import codes as authorization_codes
from authserver.domain.grants import consents, grants
from authserver.domain.ground import mails, person_locks
from authserver.domain.people.sessions import SignedIn
from authserver.domain.record import acting, audit
from authserver.errors import Check
from authserver.lib import clock, user_agents
from authserver.models import AuthorizationRequest, UsedJti
from authserver.observability import context


def note_asked(pending: Pending, user_id: str) -> None:
    """Remember whom the consent page shows: nobody else can answer it."""
    if pending.user_id == user_id:
        return
    with database.transaction() as session:
        _change(session, pending, user_id=user_id)


def choose(pending: Pending, user_id: str) -> None:
    """prompt=select_account: the person stays with the account they are signed in with."""
    with database.transaction() as session:
        _change(session, pending, user_id=user_id, chosen_at=clock.now())


def allow_as_before(pending: Pending, client: ClientFacts, found: SignedIn) -> str:
    """Answer without a question, because everything was allowed before; returns the code. Raises Answered."""
    kept = requested_claims.to_be_allowed(pending, client, found.user.role)
    with database.transaction() as session:
        _claim(session, pending, "allow", found.user.id)  # first, as in `allow`: two answers at once wait in no circle
        _use_object_up(session, pending, client)
        _require_standing(session, pending, client, found, kept)
        return _issue(session, pending, found, kept)


def _require_standing(
    session: Session, pending: Pending, client: ClientFacts, found: SignedIn, kept: Sequence[str]
) -> None:
    """What was allowed before, and the sign-in, are so still: somebody may be taking them back at this moment."""
    person_locks.take(session, found.user.id)
    acting.require_good(session)
    if not consents.stands(session, found.user.id, client, pending, kept):
        gone = Check("consent", False, "in force until the answer", "taken back since the request came")
        raise authorization_requests.NoLongerValid("the consent was taken back meanwhile").because(gone)


def allow(pending: Pending, client: ClientFacts, found: SignedIn, *, allowed: Sequence[str]) -> str:
    """The person allows these scopes: consent, grant, code and event in one transaction; returns the code.

    Raises Answered for every call but the first, however many come at once.
    """
    asked = requested_claims.to_be_allowed(pending, client, found.user.role)
    kept = tuple(name for name in asked if name in allowed)
    with database.transaction() as session:
        _claim(session, pending, "allow", found.user.id)
        _use_object_up(session, pending, client)
        new = consents.record(session, found.user.id, client.id, resources=pending.resources, asked=asked, allowed=kept)
        tell(session, client, found, new)
        code = _issue(session, pending, found, kept)
        record(session, "consent.granted", client, found, scopes=list(kept), resources=pending.resources)
    return code


def deny(pending: Pending, client: ClientFacts, found: SignedIn) -> None:
    """The person refuses; the app learns nothing else. Raises Answered."""
    with database.transaction() as session:
        _claim(session, pending, "deny", found.user.id)
        record(session, "consent.denied", client, found, scopes=pending.scopes)


def _claim(session: Session, pending: Pending, answer: str, user_id: str) -> None:
    _change(session, pending, answered_at=clock.now(), answer=answer, user_id=user_id)


def _use_object_up(session: Session, pending: Pending, client: ClientFacts) -> None:
    """One code for a request object with a `jti`, however often its link is opened. Raises Refusal."""
    if pending.object_mark is None:
        return
    row = {"digest": pending.object_mark, "expires_at": pending.object_ends_at}
    new = database.insert(UsedJti).values(row).on_conflict_do_nothing().returning(UsedJti.digest)
    if session.execute(new).one_or_none() is None:
        raise authorization_requests.destination_of(pending, client).refuse(
            "invalid_request_object",
            "The request object was answered before. Send a new one, with another jti, for each sign-in.",
            Check("jti of the request object", False, "a new one", "one that was answered before"),
        )


def _change(session: Session, pending: Pending, **values: object) -> None:
    """Change a request that has no answer yet. Raises Answered."""
    result = session.execute(
        update(AuthorizationRequest)
        .where(AuthorizationRequest.digest == pending.digest, AuthorizationRequest.answered_at.is_(None))
        .values(**values)
    )
    if not result.rowcount:  # type: ignore[attr-defined]  # an UPDATE's result has it
        raise Answered().because(authorization_requests.SECOND_ANSWER)


def _issue(session: Session, pending: Pending, found: SignedIn, kept: Sequence[str]) -> str:
    names, claims = requested_claims.split(pending, kept)
    grant = grants.create(
        session,
        client_id=pending.client_id,
        user_id=found.user.id,
        session_id=found.session.id,
        scopes=names,
        resources=pending.resources,
        auth_time=found.session.auth_time,
        amr=found.session.amr,
        nonce=pending.nonce,
        requested_claims=claims,
    )
    return authorization_codes.issue(
        session,
        grant,
        client_id=pending.client_id,
        redirect_uri=pending.redirect_uri,
        redirect_uri_sent=pending.redirect_uri_sent,
        code_challenge=pending.code_challenge,
    )


def tell(session: Session, client: ClientFacts, found: SignedIn, new: Sequence[str]) -> None:
    """A mail about what reaches far, the first time it is allowed."""
    far = [facts.title for facts in scopes.all().values() if facts.name in new and facts.level == "full"]
    if far:
        asked = context.current()
        mails.send(
            session,
            found.user.email,
            "app_allowed",
            whose=found.user.id,
            name=found.user.name,
            app=client.name,
            can=far,
            at=clock.now(),
            ip=asked.ip,
            browser=user_agents.describe(asked.user_agent).text,
        )


def record(session: Session, event: str, client: ClientFacts, found: SignedIn, **data: Any) -> None:
    """The event of an answer, in the history of the person who gave it."""
    audit.record(
        session,
        event,
        target=f"client:{client.id}",
        owner_id=found.user.id,
        client_id=client.id,
        actor=f"user:{found.user.id}",
        client_name=client.name,
        **data,
    )
