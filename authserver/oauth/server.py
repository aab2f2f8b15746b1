"""Authlib's authorization server joined to our domain: it picks the grant, we keep the rules."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749.errors import UnsupportedGrantTypeError

from authserver.domain.clients import clients
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants.grants import GrantFacts
from authserver.domain.ground import usage
from authserver.domain.tokens import issuance
from authserver.edge import explanations
from authserver.edge.exchange import Incoming, Outgoing
from authserver.errors import Check, DomainError, RateLimited
from authserver.lib import scopes as grammar
from authserver.oauth import client, refusal_checks, request_rules
from authserver.oauth.client import OAuthClient
from authserver.oauth.errors import InvalidScope, UnauthorizedClient, UnsupportedGrantType, translate
from authserver.oauth.request_rules import ProtocolRequest
from authserver.observability import context, metrics

JSON_HEADERS = [("Content-Type", "application/json")]
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
Answer = tuple[int, dict[str, Any], list[tuple[str, str]]]


class Server(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """The core without a framework; grants are registered by `authserver.oauth`."""

    def answer(self, incoming: Incoming, work: Callable[[ProtocolRequest], Outgoing]) -> Outgoing:
        """Run an endpoint on a request that passed the rules; every refusal is translated here and nowhere else."""
        request = None
        try:
            request = request_rules.read(incoming)
            return work(request)
        except OAuth2Error as error:
            if request is None:
                refusal_checks.note_error(incoming.path, error)
            return self.handle_error_response(request, error)
        except DomainError as refusal:
            translated = translate(refusal)
            if translated is None:
                if request is not None and isinstance(refusal, RateLimited):
                    refusal_checks.note_limit(request, refusal)
                raise
            context.current().log["msg"] = refusal.detail
            return self.handle_error_response(request, translated, refusal.checks)

    def query_client(self, client_id: str) -> OAuthClient | None:
        found = clients.named(client_id)
        return OAuthClient(found) if found is not None and found.enabled else None

    def authenticate_client(
        self, request: ProtocolRequest, methods: Sequence[str], endpoint: str = "token"
    ) -> OAuthClient:
        # Not Authlib's: that lets the first of several methods win, and lets any method in elsewhere (T10, T11).
        return client.authenticate(request, methods)

    def get_token_grant(self, request: ProtocolRequest) -> Any:
        request.need("grant_type")
        try:
            return super().get_token_grant(request)
        except UnsupportedGrantTypeError:
            sent = Check("grant", False, " or ".join(self.grant_types), request.fields["grant_type"])
            raise UnsupportedGrantType().because(sent).claimed_by(request_rules.claimed_client_id(request)) from None

    def create_oauth2_request(self, request: ProtocolRequest) -> ProtocolRequest:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def handle_response(self, status: int, body: dict[str, Any], headers: list[tuple[str, str]]) -> Outgoing:
        return Outgoing(status, _ENCODE(body).encode(), JSON_HEADERS + [pair for pair in headers if pair[0] in _KEPT])

    def handle_error_response(
        self, request: ProtocolRequest | None, error: OAuth2Error, checks: Sequence[Check] = ()
    ) -> Outgoing:
        status, body, headers = error(None)
        outgoing = self.handle_response(status, {**body, "error_uri": explanations.uri()}, headers)
        outgoing.log["error"] = error.error
        if request is not None:
            refusal_checks.note(request, error, checks)  # first: it may ask the database, and move to another room
        usage.count(usage.REFUSALS, _identified())
        if request is not None and "grant_type" in request.fields:
            _count_error(_label(self, request.fields["grant_type"]), error.error)
        return outgoing

    @property
    def grant_types(self) -> tuple[str, ...]:
        """The grants that are offered, in the order of the protocol's table of contents."""
        return tuple(grant.GRANT_TYPE for grant, _ in self._token_grants if getattr(grant, "is_offered", _always)())


# Everything else (no-store and the like) is the edge's to say, once for all machine endpoints.
_KEPT = frozenset({"WWW-Authenticate"})
server = Server()


def authenticated(grant: Any) -> ClientFacts:
    """Step one of every grant: who is asking, and may they use this grant?"""
    found: OAuthClient = grant.authenticate_token_endpoint_client()
    if not found.check_grant_type(grant.GRANT_TYPE):
        raise UnauthorizedClient(
            "The app is not registered for this grant_type. Add the grant to the app, or use one that it has."
        ).because(Check("grant", False, " or ".join(found.facts.grant_types) or "none", grant.GRANT_TYPE))
    grant.request.client = found
    context.current().log["grant"] = grant.GRANT_TYPE
    return found.facts


def asked_scopes(request: ProtocolRequest) -> tuple[str, ...]:
    """The scope parameter; empty if it was not sent. Raises InvalidScope."""
    try:
        return grammar.parse(request.fields.get("scope"))
    except ValueError as error:
        text = f"Wrong scope: {error}. Send names with single spaces between them."
        wrong = Check("form of scope", False, "names with single spaces between them", str(error))
        raise InvalidScope(text).because(wrong) from None


def token_response(
    grant_type: str,
    issued: issuance.Issued,
    facts: ClientFacts,
    *,
    grant: GrantFacts | None = None,
    refresh_token: str | None = None,
    id_token: str | None = None,
) -> Answer:
    """The success of RFC 6749 section 5.1; `scope` always says what was granted."""
    body: dict[str, Any] = {
        "access_token": issued.value,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
    }
    if issued.scopes:
        body["scope"] = grammar.join(issued.scopes)
    if refresh_token:
        body["refresh_token"] = refresh_token
    if id_token:
        body["id_token"] = id_token
    if grant:
        context.current().log["sub"] = grant.user_id
    _count_tokens(grant_type, facts, body)
    return 200, body, []


def _count_tokens(grant_type: str, facts: ClientFacts, body: dict[str, Any]) -> None:
    usage.count(usage.TOKENS, f"client:{facts.id}")
    for kind in ("access_token", "refresh_token", "id_token"):
        if kind in body:
            _issued(grant_type, kind).inc()


def _count_error(grant_type: str, error: str) -> None:
    metrics.TOKEN_ERRORS.labels(grant=grant_type, error=error).inc()


def _always() -> bool:
    return True


def _identified() -> str:
    """Whose figures a refusal belongs to; empty where no client proved who it is."""
    client_id = context.current().log.get("client_id", "")
    return f"client:{client_id}" if client_id else ""


def _label(of: Server, grant_type: str) -> str:
    # Input never becomes a label: their number must stay small.
    return grant_type if grant_type in of.grant_types else "other"


@functools.cache
def _issued(grant_type: str, kind: str) -> Any:
    return metrics.TOKENS_ISSUED.labels(grant=grant_type, kind=kind)
