"""Refusals of the protocol's endpoints, kept for the owner of the client: what was expected, what was received."""

from __future__ import annotations

from collections.abc import Sequence

from authlib.oauth2.rfc6749 import OAuth2Error

from authserver.domain.access import resources
from authserver.domain.clients import clients
from authserver.domain.clients.clients import ClientFacts
from authserver.domain.insight import refusals
from authserver.edge import refused
from authserver.errors import Check
from authserver.lib import scopes as grammar
from authserver.oauth.errors import BearerError
from authserver.oauth.request_rules import ProtocolRequest
from authserver.observability import context

KINDS = {"introspect": "introspection", "revoke": "revocation"}


def note(request: ProtocolRequest, error: OAuth2Error, checks: Sequence[Check]) -> None:
    """Keep a refusal, if the client is one that we know (contract 11.19)."""
    path = request.uri.rpartition("/")[2]
    kind = KINDS.get(path, path)
    description = str(error.description or "")
    if isinstance(error, BearerError):
        lacking = (Check("scope", False, error.scope, "it is not among those of the credential"),)
        refused.note_presented(
            request.authorization,
            request.ip,
            kind=kind,
            code=error.error,
            status=error.status_code,
            message=description,
            more=lacking if error.scope else (),
        )
        return
    client_id = getattr(error, "client_id", "") or context.current().log.get("client_id", "")
    facts = clients.find(client_id) if client_id else None
    if facts is not None:
        refusals.note(
            context.current().request_id,
            kind=kind,
            code=error.error,
            status=error.status_code,
            message=description,
            client_id=facts.id,
            checks=tuple(checks) or tuple(getattr(error, "checks", ())) or _of(request, error, facts),
            proven=error.error != "invalid_client",
        )


def _of(request: ProtocolRequest, error: OAuth2Error, client: ClientFacts) -> tuple[Check, ...]:
    """What the error is about, beside what the client may."""
    if error.error == "invalid_scope":
        return (Check("scope", False, grammar.join(client.scopes), request.fields.get("scope", "(nothing)")),)
    if error.error == "invalid_target":
        good = (*resources.own(), *client.resources)
        return (Check("resource", False, " or ".join(good), " ".join(request.resources)),)
    if error.error in ("unauthorized_client", "unsupported_grant_type"):
        return (Check("grant", False, " or ".join(client.grant_types), request.fields.get("grant_type", "(nothing)")),)
    return (Check("request", False, str(error.description or error.error), ", ".join(sorted(request.fields))),)
