"""Authorization codes: issued once, consumed once, and remembered, so that a replay is known (RFC 9700 2.1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import grants, refresh_tokens
from authserver.domain.grants.grants import GrantFacts
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
    with database.transaction() as session:
        code = _consume(session, digest, client.id)
        if code is None:
            problem = _judge_unusable(session, digest, client.id, code_verifier, received_us)
            checks = [Check("code", False, "new, and this client's", problem)]
        elif (checks := _checks(code, client, redirect_uri, code_verifier))[-1].ok:
            grant = grants.facts(code)
            audiences = grants.narrowed_resources(grant, client, resources)
            return Redeemed(grant, audiences, refresh_tokens.start(session, grant, client))
        else:
            problem = f"{checks[-1].check}: {checks[-1].received}"
    # Raised here, not above: a refusal that must be remembered is committed like a success.
    raise Denied(REFUSAL, problem).because(*checks)


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


def _checks(code: Any, client: ClientFacts, redirect_uri: str | None, code_verifier: str | None) -> list[Check]:
    """What a consumed code is looked at for, up to the first thing that is wrong; the verifier itself is not told."""
    made: list[Check] = []
    for check in _judged(code, client, redirect_uri, code_verifier):
        made.append(check)
        if not check.ok:
            break
    return made


def _judged(code: Any, client: ClientFacts, redirect_uri: str | None, code_verifier: str | None) -> Iterator[Check]:
    now, lifetime = clock.now(), config.current().authorization_code_ttl
    age = now - (code.code_expires_at - lifetime)
    yield Check("code age", code.code_expires_at > now, f"at most {lifetime} s", f"{age} s")
    same = redirect_uri == code.redirect_uri or (redirect_uri is None and not code.redirect_uri_sent)
    yield Check("redirect URI", same, code.redirect_uri, redirect_uri if redirect_uri is not None else "(nothing)")
    yield check_verifier(code.code_challenge, code_verifier)
    yield check_standing(code, client)


def check_standing(code: Any, client: ClientFacts) -> Check:
    """Whether what a consumed code stands for is in force still: the app's tokens, the grant, and its person."""
    if code.created_at < client.tokens_not_before:
        return Check("not revoked", False, "issued after all tokens of the app ended", "issued before")
    ended = grants.facts(code).ended(code.created_at, clock.now())
    return ended or Check("sign-in", True, "neither revoked nor its person disabled", "in order")


def check_verifier(challenge: str | None, verifier: str | None) -> Check:
    """Whether a verifier fits its challenge (RFC 7636 section 4.6), for the owner's eyes; the verifier is not told."""
    fits = _verifier_fits(challenge, verifier)
    wanted = "one whose SHA-256 is the code_challenge (S256)" if challenge else "none: no challenge was sent"
    sent = "missing" if verifier is None else "one that does not fit" if challenge else "one"
    return Check("code verifier", fits, wanted, "fits" if fits else sent)


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
    grants.end_misused(session, "code.replayed", Grant.id == code.grant_id)
    return "replayed"
