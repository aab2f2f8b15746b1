"""Authorization codes: issued once, consumed once, and remembered, so that a replay is known (RFC 9700 2.1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.clients.clients import ClientFacts
from authserver.domain.grants import grants, refresh_tokens
from authserver.domain.grants.grants import GrantFacts
from authserver.domain.record import audit
from authserver.errors import Check, Denied
from authserver.lib import clock, pkce, secrets
from authserver.models import AuthorizationCode, Grant

# The answer is the same whatever was wrong; the detail is for the log.
REFUSAL = "The authorization code is not valid."


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code was exchanged for: the grant, the audiences, and a refresh token if the app uses them."""

    grant: GrantFacts
    resources: tuple[str, ...]
    refresh_token: str | None


def issue(
    session: Session,
    grant: Grant,
    *,
    client_id: str,
    redirect_uri: str,
    redirect_uri_sent: bool,
    code_challenge: str | None,
) -> str:
    """A new code for a grant, in the transaction that records the consent. Its digest alone is stored."""
    settings = config.current()
    code = secrets.generate(settings.slug, "ac")
    row = {
        "digest": secrets.digest(code),
        "grant_id": grant.id,
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "redirect_uri_sent": redirect_uri_sent,
        "code_challenge": code_challenge,
        "expires_at": clock.now() + settings.authorization_code_ttl,
    }
    session.execute(insert(AuthorizationCode).values(row))
    return code


def redeem(
    presented: str,
    client: ClientFacts,
    *,
    redirect_uri: str | None,
    code_verifier: str | None,
    resources: tuple[str, ...] = (),
    received_us: int,
) -> Redeemed:
    """Exchange a code, once. Raises Denied, with one public text for every cause; Invalid for a foreign resource.

    The right client burns the code by a wrong verifier or redirect URI; another client leaves it alive.
    `received_us` is when the request came in, in epoch microseconds: a request that came before the code was used
    lost a race, one that came after is a replay and ends the grant.
    """
    if secrets.kind_of(presented) != "ac":
        raise Denied(REFUSAL, "malformed").because(Check("code", False, "one that this server made", "malformed"))
    digest = secrets.digest(presented)
    checks: tuple[Check, ...] = ()
    with database.transaction() as session:
        code = _consume(session, digest, client.id)
        if code is None:
            problem = _judge_unusable(session, digest, client.id, code_verifier, received_us)
        elif not (problem := _problem(code, client, redirect_uri, code_verifier)):
            grant = grants.facts(code)
            audiences = grants.narrowed_resources(grant, client, resources)
            return Redeemed(grant, audiences, refresh_tokens.start(session, grant, client))
        else:
            checks = _checks(code, client, redirect_uri, code_verifier)
    # Raised here, not above: a refusal that must be remembered is committed like a success.
    raise Denied(REFUSAL, problem).because(*(checks or (Check("code", False, "new, and this client's", problem),)))


# Marks an unused code of this client as used, atomically; changes one row or none.
_CONSUME = (
    update(AuthorizationCode)
    .where(
        AuthorizationCode.digest == bindparam("presented"),
        AuthorizationCode.client_id == bindparam("client"),
        AuthorizationCode.used_us.is_(None),
    )
    .values(used_us=bindparam("now_us"))
    .returning(
        AuthorizationCode.redirect_uri,
        AuthorizationCode.redirect_uri_sent,
        AuthorizationCode.code_challenge,
        AuthorizationCode.expires_at.label("code_expires_at"),
        *grants.looked_up(),
    )
)


def _consume(session: Session, digest: bytes, client_id: str) -> Any:
    values = {"presented": digest, "client": client_id, "now_us": clock.now_us()}
    return session.connection().execute(_CONSUME, values).one_or_none()


def _problem(code: Any, client: ClientFacts, redirect_uri: str | None, code_verifier: str | None) -> str:
    now = clock.now()
    if code.code_expires_at <= now:
        return "expired"
    if redirect_uri != code.redirect_uri and (code.redirect_uri_sent or redirect_uri is not None):
        return "another redirect_uri"
    if not _verifier_fits(code.code_challenge, code_verifier):
        return "wrong code_verifier"
    alive = grants.facts(code).alive(code.created_at, now) and code.created_at >= client.tokens_not_before
    return "" if alive else "the grant was revoked or its user disabled"


def _checks(code: Any, client: ClientFacts, redirect_uri: str | None, code_verifier: str | None) -> tuple[Check, ...]:
    """What was looked at, for the client's owner: the verifier itself is not told."""
    now, lifetime = clock.now(), config.current().authorization_code_ttl
    same = redirect_uri == code.redirect_uri or (redirect_uri is None and not code.redirect_uri_sent)
    fits = _verifier_fits(code.code_challenge, code_verifier)
    said = "missing" if code_verifier is None else "fits" if fits else "does not fit"
    wanted = "one whose SHA-256 is the code_challenge (S256)" if code.code_challenge else "none: no challenge was sent"
    grant = grants.facts(code)
    alive = grant.alive(code.created_at, now) and code.created_at >= client.tokens_not_before
    age = now - (code.code_expires_at - lifetime)
    return (
        Check("code age", code.code_expires_at > now, f"at most {lifetime} s", f"{age} s"),
        Check("redirect URI", same, code.redirect_uri, redirect_uri if redirect_uri is not None else "(nothing)"),
        Check("code verifier", fits, wanted, said),
        Check("sign-in", alive, "neither revoked nor its person disabled", "in order" if alive else "ended"),
    )


def _verifier_fits(challenge: str | None, verifier: str | None) -> bool:
    # A verifier without a challenge means that somebody took the challenge out of the request (RFC 9700 4.8.2).
    if challenge is None or verifier is None:
        return challenge is None and verifier is None
    return pkce.matches(verifier, challenge)


def _judge_unusable(
    session: Session, digest: bytes, client_id: str, code_verifier: str | None, received_us: int
) -> str:
    """Why nothing was consumed. A replay ends everything the code gave."""
    code = session.scalar(select(AuthorizationCode).where(AuthorizationCode.digest == digest))
    if code is None:
        return "unknown"
    if code.client_id != client_id:
        return "issued to another client"
    if code.used_us is None:  # used by nobody and not ours to take: removed meanwhile
        return "gone"
    if received_us < code.used_us and _verifier_fits(code.code_challenge, code_verifier):
        return "lost a race"
    for ended in grants.end(session, "code replayed", Grant.id == code.grant_id):
        audit.record(
            session,
            "code.replayed",
            target=f"grant:{ended.id}",
            owner_id=ended.user_id,
            client_id=client_id,
            result="refused",
        )
    return "replayed"
