"""Refusals of the protocol's endpoints, kept for the owner of the client: what was expected, what was received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import OAuth2Error

from authserver.domain.clients import clients
from authserver.domain.insight import refusals
from authserver.edge import refused
from authserver.errors import Check, RateLimited
from authserver.oauth.errors import BearerError
from authserver.oauth.request_rules import MAX_CLIENT_ID, ProtocolRequest
from authserver.observability import context


def note(request: ProtocolRequest, error: OAuth2Error, checks: Sequence[Check]) -> None:
    """Keep a refusal, if the client is one that we know (contract 11.19). What it is about, who refused has said."""
    if isinstance(error, BearerError):
        note_bearer(request.uri, request.authorization, request.ip, error)
        return
    note_error(request.uri, error, checks)


def note_error(uri: str, error: OAuth2Error, checks: Sequence[Check] = ()) -> None:
    """The same for a request that could not be read: the error says whose it may be."""
    proven = context.current().log.get("client_id", "")
    _note(
        uri,
        proven or getattr(error, "client_id", ""),
        code=error.error,
        status=error.status_code,
        message=str(error.description or ""),
        checks=tuple(checks) or tuple(getattr(error, "checks", ())) or (_UNSAID,),
        proven=bool(proven),
    )


def note_limit(request: ProtocolRequest, refusal: RateLimited) -> None:
    """The same for a client that asked too often."""
    proven = context.current().log.get("client_id", "")
    _note(
        request.uri,
        proven or request.fields.get("client_id", ""),
        code="slow_down",
        status=refusal.status,
        message=refusal.public,
        checks=refusal.checks,
        proven=bool(proven),
    )


def note_bearer(uri: str, authorization: str, ip: str, error: BearerError) -> None:
    """The same for a credential of a Bearer header, which may be good and lack something."""
    refused.note_presented(
        authorization,
        ip,
        kind=refused.kind_of(urlsplit(uri).path),
        code=error.error,
        status=error.status_code,
        message=str(error.description or ""),
        more=error.checks,
    )


_UNSAID = Check("request", False, "one that keeps the rules of this endpoint", "no reason was kept")


def _note(uri: str, client_id: str, *, checks: Sequence[Check], proven: bool, **said: Any) -> None:
    # Of a request that could not be read it is what somebody wrote: perhaps nothing that a database could look for.
    known = 0 < len(client_id) <= MAX_CLIENT_ID and client_id.isprintable()
    facts = clients.find(client_id) if known else None
    if facts is not None:
        if not proven:  # whose secret is being guessed
            context.current().log["claimed_client_id"] = facts.id
        request_id, kind = context.current().request_id, refused.kind_of(urlsplit(uri).path)
        refusals.note(request_id, kind=kind, client_id=facts.id, checks=checks, proven=proven, **said)
