"""Answers to devices: of one person, once, with consent, grant and event in one transaction (RFC 8628 section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.authorization import answers, devices
from authserver.domain.authorization.devices import Waiting
from authserver.domain.authorization.requests import Answered
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import consents, grants
from authserver.domain.people.sessions import SignedIn
from authserver.lib import clock
from authserver.models import DeviceAuthorization

FLOW = "device"


def note_asked(waiting: Waiting, user_id: str) -> None:
    """Remember whom the page shows the device: nobody else can answer it. Raises Answered."""
    if waiting.user_id == user_id:
        return
    with database.transaction() as session:
        _change(session, waiting, user_id=user_id)


def allow(waiting: Waiting, client: ClientFacts, found: SignedIn, *, allowed: Sequence[str]) -> None:
    """The person allows these scopes: the device's next poll gets its tokens. Raises Answered for every other call.

    The grant belongs to no session: signing out of the browser that answered leaves the device signed in.
    """
    asked = devices.effective_scopes(waiting, client, found.user.role)
    kept = tuple(name for name in asked if name in allowed)
    with database.transaction() as session:
        _claim(session, waiting, "allow", found)
        new = consents.record(session, found.user.id, client.id, resources=waiting.resources, asked=asked, allowed=kept)
        answers.tell(session, client, found, new)
        grant = grants.create(
            session,
            client_id=client.id,
            user_id=found.user.id,
            session_id=None,
            scopes=kept,
            resources=waiting.resources,
            auth_time=found.session.auth_time,
            amr=found.session.amr,
            nonce=None,
        )
        this = DeviceAuthorization.digest == waiting.digest
        session.execute(update(DeviceAuthorization).where(this).values(grant_id=grant.id))
        answers.record(
            session, "consent.granted", client, found, scopes=list(kept), resources=waiting.resources, flow=FLOW,
            asked_from=waiting.ip,
        )  # fmt: skip


def deny(waiting: Waiting, client: ClientFacts, found: SignedIn) -> None:
    """The person refuses; the device's next poll is told so. Raises Answered."""
    with database.transaction() as session:
        _claim(session, waiting, "deny", found)
        answers.record(
            session, "consent.denied", client, found, scopes=waiting.scopes, flow=FLOW, asked_from=waiting.ip
        )


def _claim(session: Session, waiting: Waiting, answer: str, found: SignedIn) -> None:
    _change(session, waiting, answered_at=clock.now(), answer=answer, user_id=found.user.id)


def _change(session: Session, waiting: Waiting, **values: object) -> None:
    """Change a device that still waits, in one statement. Raises Answered."""
    result = session.execute(
        update(DeviceAuthorization)
        .where(
            DeviceAuthorization.digest == waiting.digest,
            DeviceAuthorization.answered_at.is_(None),
            DeviceAuthorization.expires_at > clock.now(),
        )
        .values(**values)
    )
    if not result.rowcount:  # type: ignore[attr-defined]  # an UPDATE's result has it
        raise Answered
