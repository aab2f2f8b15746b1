"""Ending tokens before their time (RFC 7009)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.clients import clients
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import grants, refresh_tokens
from authserver.domain.limits import stored_rows
from authserver.domain.record import audit
from authserver.domain.tokens import inspection
from authserver.lib import clock, jwt, secrets
from authserver.models import AccessToken, Grant, RevokedToken


def revoke(presented: str, client_id: str | None, because: str = "revoked by its client") -> bool:
    """Revoke a token: an access token alone, a refresh token (spent or not) with its whole grant.

    `client_id` is whose it must be; None is the command line. False, without effect, for everything else. Raises
    RateLimited for more access tokens than a client's owner may leave rows for.
    """
    if jwt.looks_like_jwt(presented):
        claims = inspection.verified(presented)
        return claims is not None and _revoke_access_token(claims, client_id, because)
    kind = secrets.kind_of(presented)
    if kind == "at":
        claims = _stored_claims(presented)
        return claims is not None and _revoke_access_token(claims, client_id, because)
    if kind == "rt":
        row = refresh_tokens.find(presented)
        return row is not None and client_id in (None, row.token_client_id) and grants.revoke(row.id, because)
    return False


def grant_behind(presented: str) -> Grant | None:
    """The sign-in by which an app got a token, spent and ended ones too; None for what nobody was signed in for."""
    kind = "jwt" if jwt.looks_like_jwt(presented) else secrets.kind_of(presented)
    if kind == "rt":
        row = refresh_tokens.find(presented)
        id = row.id if row is not None else ""
    else:
        look = {"jwt": inspection.verified, "at": _stored_claims}.get(kind or "")
        claims = look(presented) if look else None
        id = inspection.grant_id_of(claims) if claims else ""
    with database.reading() as session:
        return session.get(Grant, id) if id else None


def _stored_claims(token: str) -> dict[str, Any] | None:
    with database.autocommit() as connection:
        found: dict[str, Any] | None = connection.scalar(
            select(AccessToken.claims).where(AccessToken.digest == secrets.digest(token))
        )
    return found


def _person(session: Session, claims: dict[str, Any], client: ClientFacts | None) -> str:
    """Whose token it is; an app with pairwise subjects knows the person by another name than we do."""
    grant = session.get(Grant, inspection.grant_id_of(claims)) if client and client.subject_type != "public" else None
    return grant.user_id if grant else str(claims["sub"])


def _revoke_access_token(claims: dict[str, Any], client_id: str | None, because: str) -> bool:
    client = clients.find(claims["client_id"])
    issued_to = client.id if client is not None else claims["client_id"]
    if client_id not in (None, issued_to):
        return False
    by_person = inspection.grant_id_of(claims) != ""
    if client_id is not None:
        if by_person:  # first: nobody spends the budget of an app's owner alone, and no owner that of other apps
            answerable = client.answerable if client is not None else client_id
            stored_rows.require_room("revocation_of_person", f"{claims['sub']} {answerable}")
        stored_rows.require_room("revocation", (client.owner_id if client else None) or client_id)
    row = {"jti": claims["jti"], "expires_at": claims["exp"] + clock.LEEWAY}
    with database.transaction() as session:
        added = session.execute(
            database.insert(RevokedToken).values(row).on_conflict_do_nothing().returning(RevokedToken.jti)
        ).one_or_none()
        if added is not None:
            audit.record(
                session,
                "token.revoked",
                target=f"access_token:{str(claims['jti'])[-8:]}",
                owner_id=_person(session, claims, client) if by_person else None,
                client_id=issued_to,
                reason=because,
            )
    return added is not None
