"""Devices that ask for a sign-in elsewhere: stored as they asked, found by the code a person types (RFC 8628)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from authserver import config, database, keyring
from authserver.domain.access import scopes
from authserver.domain.authorization.requests import Answered, NoLongerValid
from authserver.domain.clients import clients
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.clients.metadata import DEVICE
from authserver.domain.ground import throttle
from authserver.domain.limits import rate_limits
from authserver.errors import Check, Invalid, RateLimited
from authserver.lib import clock, durations, sealing, secrets, user_codes
from authserver.models import DeviceAuthorization
from authserver.observability import context

LIFETIME = 600
PAUSE = 5  # seconds between two polls; RFC 8628 section 3.2 takes it for granted where nothing is said
POLICY, WINDOW = "device-authorizations", "10 minute"
PER_NETWORK = 60  # as long as a row lives, so that this is also the most rows
# The row, for entries, which know no tables.
Waiting = DeviceAuthorization


class WrongCode(Invalid):
    """A code that no device shows now: mistyped, too old, or answered. The answer is the same."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            "That code is wrong or has expired. Check your device for the current one.", detail, field="user_code"
        )


@dataclass(frozen=True, slots=True)
class Begun:
    """What a device is told, once: its own code, and the one that a person types."""

    device_code: str
    user_code: str


def begin(
    client: ClientFacts, *, scopes: Sequence[str], scope_asked: bool, resources: Sequence[str],
    code_challenge: str | None,
) -> Begun:  # fmt: skip
    """Keep what a device asks for, for ten minutes. Raises RateLimited. Its codes are stored as digests alone."""
    _require_room(client)
    now, asked = clock.now(), context.current()
    begun = Begun(secrets.generate(config.current().slug, "dc"), user_codes.generate())
    row = DeviceAuthorization(
        digest=secrets.digest(begun.device_code),
        user_code=_digests(begun.user_code)[0],
        client_id=client.id,
        scopes=list(scopes),
        scope_asked=scope_asked,
        resources=list(resources),
        code_challenge=code_challenge,
        ip=asked.ip[:45],
        user_agent=asked.user_agent[:400],
        created_at=now,
        expires_at=now + LIFETIME,
        pause=PAUSE,
        due_us=0,
    )
    with database.transaction() as session:
        session.add(row)
    return begun


def find(typed: str, *, user_id: str) -> Waiting:
    """The device that shows this code and waits. Raises WrongCode, Answered, and RateLimited for who guesses.

    Guesses are counted for the person, and for their network; what is no code at all is none.
    """
    code = user_codes.read(typed)
    if code is None:
        raise WrongCode("no code at all")
    attempt = throttle.begin_user_code(user_id, ip=context.current().ip)
    row = _shown(code)
    if row is None or row.expires_at <= clock.now():
        raise WrongCode("unknown" if row is None else "expired")
    if row.answered_at is not None and row.user_id != user_id:
        raise WrongCode("answered by somebody else")
    throttle.refund(attempt)
    context.current().log["client_id"] = row.client_id
    if row.answered_at is not None:
        raise Answered
    return row


def client_of(waiting: Waiting) -> ClientFacts:
    """The app that asked, judged as it is now. Raises NoLongerValid."""
    client = clients.find(waiting.client_id)
    if client is None or not client.enabled or not client.may_use(DEVICE):
        stopped = Check("client", False, "enabled, with the grant for devices, until the answer", "changed since")
        raise NoLongerValid("the client was stopped, or lost the grant, after the device asked").because(stopped)
    return client


def effective_scopes(waiting: Waiting, client: ClientFacts, role: str) -> tuple[str, ...]:
    """What was asked, within what the app is assigned now and what this person may hold (contract 11.1).

    Raises NoLongerValid where something was asked and nothing of it is left.
    """
    kept = scopes.held_by(role, (name for name in waiting.scopes if name in client.scopes))
    if waiting.scopes and not kept:
        lost = Check("scope", False, "one that the app has and the person's role may hold", " ".join(waiting.scopes))
        raise NoLongerValid("nothing of the scope can be granted by this person").because(lost)
    return kept


def _shown(code: str) -> Waiting | None:
    with database.reading() as session:
        return session.scalar(select(DeviceAuthorization).where(DeviceAuthorization.user_code.in_(_digests(code))))


def _digests(code: str) -> list[bytes]:
    """Keyed, because 34 bits are soon tried out by who has a plain digest; of today's key first."""
    return [sealing.sign(key, code.encode()) for key in keyring.keys("user codes")]


def _require_room(client: ClientFacts) -> None:
    """Anybody can write down a public app's name, so what is kept is bounded by network."""
    for network, share in throttle.networks_of(context.current().ip):
        limit = f"{share * PER_NETWORK}/{WINDOW}"
        state = rate_limits.consume(POLICY, f"address/{network}", limit)
        if not state.allowed:
            wait = durations.in_words(state.retry_after)
            raise RateLimited(
                f"Very many devices of this network asked for a sign-in. Try again in {wait}.",
                f"device authorizations of {client.id}",
                retry_after=state.retry_after,
            ).because(Check("devices that asked", False, f"{limit} of one network", "one more"))
