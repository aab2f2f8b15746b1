"""Device codes: polled at their pace, consumed once, and remembered, so that a replay is known (RFC 8628 3.4, 3.5)."""

from __future__ import annotations

import enum
from typing import Any

from sqlalchemy import bindparam, case, select, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import codes, grants, refresh_tokens
from authserver.domain.grants.codes import Redeemed
from authserver.errors import Check, Denied
from authserver.lib import clock, secrets
from authserver.models import DeviceAuthorization, Grant

# The answer is the same whatever was wrong; the detail is for the log.
REFUSAL = "The device code is not valid."
SLOWER = 5  # seconds that each early poll adds to the pause (RFC 8628 section 3.5)
LEEWAY_US = 1_000_000  # of a network that brings two polls closer together


class Unanswered(enum.Enum):
    """Why a good device code yields nothing: the errors of RFC 8628 section 3.5."""

    PENDING = "authorization_pending"
    TOO_FAST = "slow_down"
    DENIED = "access_denied"
    EXPIRED = "expired_token"


def poll(
    presented: str, client: ClientFacts, *, code_verifier: str | None, resources: tuple[str, ...], received_us: int
) -> Redeemed | Unanswered:
    """Exchange a device code, once, or say why not yet. Raises Denied, with one public text for every cause.

    Raises Invalid for a foreign resource. The right client burns the code by a wrong verifier; another one leaves it
    alive. `received_us`: a request that came before the code was used lost a race, a later one is a replay.
    """
    if secrets.kind_of(presented) != "dc":
        raise Denied(REFUSAL, "malformed").because(Check("device code", False, "one of this server", "malformed"))
    digest = secrets.digest(presented)
    with database.transaction() as session:
        code = _consume(session, digest, client.id)
        if code is None:
            found = _judge_unusable(session, digest, client.id, received_us)
            if isinstance(found, Unanswered):
                return found
            checks = [Check("device code", False, "one that waits, and this client's", found)]
        elif (checks := _judged(code, client, code_verifier))[-1].ok:
            grant = grants.facts(code)
            audiences = grants.narrowed_resources(grant, client, resources)
            return Redeemed(grant, audiences, refresh_tokens.start(session, grant, client))
    # Raised here, not above: a refusal that must be remembered is committed like a success.
    raise Denied(REFUSAL, f"{checks[-1].check}: {checks[-1].received}").because(*checks)


_OWN = (DeviceAuthorization.digest == bindparam("presented"), DeviceAuthorization.client_id == bindparam("client"))
# Marks an allowed and unused code of this client as used, atomically; changes one row or none.
_CONSUME = (
    update(DeviceAuthorization)
    .where(
        *_OWN,
        DeviceAuthorization.answer == "allow",
        DeviceAuthorization.used_us.is_(None),
        DeviceAuthorization.expires_at > bindparam("now"),
    )
    .values(used_us=bindparam("now_us"))
    .returning(DeviceAuthorization.code_challenge, *grants.looked_up())
)
_TOO_EARLY = DeviceAuthorization.due_us > bindparam("now_us")
_PAUSE = DeviceAuthorization.pause + case((_TOO_EARLY, SLOWER), else_=0)
# Counts a poll of a code that waits: one that came too early makes the pause longer for good.
_NOTE_POLL = (
    update(DeviceAuthorization)
    .where(*_OWN, DeviceAuthorization.answered_at.is_(None), DeviceAuthorization.expires_at > bindparam("now"))
    .values(early=_TOO_EARLY, pause=_PAUSE, due_us=bindparam("now_us") + _PAUSE * 1_000_000 - LEEWAY_US)
    .returning(DeviceAuthorization.early)
)


def _consume(session: Session, digest: bytes, client_id: str) -> Any:
    return session.connection().execute(_CONSUME, _values(digest, client_id)).one_or_none()


def _values(digest: bytes, client_id: str) -> dict[str, Any]:
    return {"presented": digest, "client": client_id, "now": clock.now(), "now_us": clock.now_us()}


def _judge_unusable(session: Session, digest: bytes, client_id: str, received_us: int) -> Unanswered | str:
    """Why nothing was consumed. A replay ends everything the code gave."""
    early = session.connection().execute(_NOTE_POLL, _values(digest, client_id)).scalar_one_or_none()
    if early is not None:
        return Unanswered.TOO_FAST if early else Unanswered.PENDING
    row = session.scalar(select(DeviceAuthorization).where(DeviceAuthorization.digest == digest))
    if row is None:
        return "unknown: never made here, or ended long ago"
    if row.client_id != client_id:
        return "issued to another client"
    if row.used_us is not None:
        return _judge_used(session, row, received_us)
    return Unanswered.DENIED if row.answer == "deny" else Unanswered.EXPIRED


def _judge_used(session: Session, row: DeviceAuthorization, received_us: int) -> str:
    if row.used_us is not None and received_us < row.used_us:
        return "lost a race"
    grants.end_misused(session, "device_code.replayed", Grant.id == row.grant_id)
    return "replayed"


def _judged(code: Any, client: ClientFacts, code_verifier: str | None) -> list[Check]:
    """What a consumed code is looked at for, up to the first thing that is wrong; the verifier itself is not told."""
    verifier = codes.check_verifier(code.code_challenge, code_verifier)
    return [verifier, codes.check_standing(code, client)] if verifier.ok else [verifier]
