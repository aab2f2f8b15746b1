"""A stored client that answers RFC 6749's questions, and how it proves who it is."""

from __future__ import annotations

from collections.abc import Sequence

from authlib.oauth2.rfc6749 import ClientMixin

from authserver import config
from authserver.domain.clients import clients
from authserver.domain.clients import throttle as client_throttle
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.clients.metadata.authentication import SECRET_METHODS
from authserver.domain.tokens import client_assertions
from authserver.errors import Check
from authserver.lib import clock, jwt, redirect_uris, secrets
from authserver.lib import scopes as grammar
from authserver.oauth import request_rules
from authserver.oauth.errors import InvalidClient
from authserver.oauth.request_rules import ClientCredentials, ProtocolRequest
from authserver.observability import context

AUTH_METHODS = ("private_key_jwt", "client_secret_basic", "client_secret_post", "none")
"""How a client may authenticate, at every endpoint alike (trap T11); the strongest first."""

# Compared when there is no secret to compare with, so that an unknown client takes the same time.
_NO_SECRET = secrets.digest("no secret has this digest")


class OAuthClient(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """ClientFacts behind Authlib's interface."""

    def __init__(self, facts: ClientFacts) -> None:
        self.facts = facts

    def get_client_id(self) -> str:
        return self.facts.client_id

    def get_default_redirect_uri(self) -> str | None:
        # Only a single registered one can stand in for a missing parameter (trap T13).
        return self.facts.redirect_uris[0] if len(self.facts.redirect_uris) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str:
        return grammar.join(name for name in grammar.parse(scope) if name in self.facts.scopes)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uris.matches(redirect_uri, self.facts.redirect_uris, native=self.facts.native)

    def check_client_secret(self, client_secret: str) -> bool:
        return _matching_secret(self.facts, client_secret) is not None

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in self.facts.auth_methods

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.facts.may_use("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        return self.facts.may_use(grant_type)


def authenticate(request: ProtocolRequest, methods: Sequence[str] = AUTH_METHODS) -> OAuthClient:
    """The client that made a request, by its registered method. Raises InvalidClient, InvalidRequest."""
    given = request_rules.client_credentials(request)
    facts = clients.named(given.client_id)
    fault = _fault(facts, given, methods) or _fault_of_assertion(facts, given, request.uri)
    if fault is not None:
        # Only failures wait: a secret cannot be guessed, and whoever fails must not lock out the client itself.
        client_throttle.check(given.client_id, request.ip)
        if secrets.kind_of(given.secret) == "cs" or given.assertion:
            # Perhaps made a moment ago at another worker: a rotation fails no request (security.md 13.3.4).
            facts = clients.named_afresh(given.client_id)
            fault = _fault(facts, given, methods) or _fault_of_assertion(facts, given, request.uri)
    if facts is None or fault is not None:
        client_throttle.note_failure(given.client_id, request.ip)
        checks = (fault,) if fault else ()
        raise InvalidClient(by_header=bool(request.authorization), client_id=facts.id if facts else "", checks=checks)
    if secret_id := _matching_secret(facts, given.secret):
        clients.note_use(secret_id)
    here = context.current()
    here.actor = f"client:{facts.id}"
    here.log["client_id"] = facts.id
    request.auth_method = given.method
    return OAuthClient(facts)


def _fault(facts: ClientFacts | None, given: ClientCredentials, methods: Sequence[str]) -> Check | None:
    """The first thing that is wrong with an authentication, for the owner's eyes: never the secret or a part of it."""
    proven = _matching_secret(facts, given.secret) is not None  # always, so that an unknown client takes the same time
    if facts is None:
        return Check("client", False, "one that is registered", "unknown")
    if given.method not in facts.auth_methods:
        return Check("authentication method", False, " or ".join(facts.auth_methods), _named(given.method))
    if given.method in SECRET_METHODS and not proven:
        live = sum(each.valid_at(clock.now()) for each in facts.secrets)
        return Check("client secret", False, f"one of {live} that work now", _received(facts, given.secret))
    if not facts.enabled:
        return Check("client", False, "enabled", _stopped(facts))
    if given.method not in methods:
        return Check("authentication method", False, f"{' or '.join(methods)}, at this endpoint", _named(given.method))
    return None


def _fault_of_assertion(facts: ClientFacts | None, given: ClientCredentials, endpoint: str) -> Check | None:
    """What is wrong with a client assertion; last, since one that is right is used up by this."""
    if facts is None or given.method != "private_key_jwt":
        return None
    try:
        client_assertions.use(facts, client_assertions.require(facts, given.assertion, endpoint))
    except jwt.InvalidToken as refused:
        alg = f" with {facts.auth_signing_alg}" if facts.auth_signing_alg else ""
        wanted = f"signed by a key of the client{alg}, for {config.current().issuer}, unused"
        return Check("client assertion", False, wanted, refused.reason)
    return None


def _named(method: str) -> str:
    return "none: no secret was sent" if method == "none" else method


def _received(facts: ClientFacts, secret: str) -> str:
    digest = secrets.digest(secret)
    same = next((each for each in facts.secrets if secrets.equal(digest, each.digest)), None)
    if same is None:
        return "fits none"
    return "fits one that has expired" if same.revoked_at is None else "fits one that was ended"


def _stopped(facts: ClientFacts) -> str:
    if facts.deleted_at is not None:
        return "deleted"
    return "the account of its owner is disabled or deleted" if facts.owner_disabled else "disabled"


def _matching_secret(facts: ClientFacts | None, presented: str) -> str | None:
    """The id of the secret that was presented. Digests are compared, as bytes (trap T5)."""
    digest, now, found = secrets.digest(presented), clock.now(), None
    secrets.equal(digest, _NO_SECRET)
    for secret in facts.secrets if facts else ():
        if secrets.equal(digest, secret.digest) and secret.valid_at(now):
            found = secret.id
    return found
