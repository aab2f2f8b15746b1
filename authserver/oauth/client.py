"""A stored client that answers RFC 6749's questions, and how it proves who it is."""

from __future__ import annotations

from collections.abc import Sequence

from authlib.oauth2.rfc6749 import ClientMixin

from authserver.domain.clients import clients
from authserver.domain.clients import throttle as client_throttle
from authserver.domain.clients.clients import ClientFacts
from authserver.errors import Check
from authserver.lib import clock, redirect_uris, secrets
from authserver.lib import scopes as grammar
from authserver.oauth import request_rules
from authserver.oauth.errors import InvalidClient
from authserver.oauth.request_rules import ClientCredentials, ProtocolRequest
from authserver.observability import context

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
"""How a client may authenticate, at every endpoint alike (trap T11)."""

# Compared when there is no secret to compare with, so that an unknown client takes the same time.
_NO_SECRET = secrets.digest("no secret has this digest")


class OAuthClient(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """ClientFacts behind Authlib's interface."""

    def __init__(self, facts: ClientFacts) -> None:
        self.facts = facts

    def get_client_id(self) -> str:
        return self.facts.id

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
    known = len(given.client_id) <= request_rules.MAX_CLIENT_ID
    facts = clients.find(given.client_id) if known else None
    proven = _proven(facts, given)
    if not proven:
        # Only failures wait: a secret cannot be guessed, and whoever fails must not lock out the client itself.
        client_throttle.check(given.client_id, request.ip)
    if not proven and known and secrets.kind_of(given.secret) == "cs":
        # Perhaps made a moment ago at another worker: a rotation fails no request (security.md 13.3.4).
        facts = clients.find_afresh(given.client_id)
        proven = _proven(facts, given)
    if facts is None or not proven or not facts.enabled or given.method not in methods:
        client_throttle.note_failure(given.client_id, request.ip)
        by_header = bool(request.authorization)
        if facts is None:
            raise InvalidClient(by_header=by_header)
        raise InvalidClient(by_header=by_header, client_id=facts.id, checks=_checks(facts, given))
    here = context.current()
    here.actor = f"client:{facts.id}"
    here.log["client_id"] = facts.id
    request.auth_method = given.method
    return OAuthClient(facts)


def _proven(facts: ClientFacts | None, given: ClientCredentials) -> bool:
    if given.method == "none":
        return facts is not None and "none" in facts.auth_methods
    secret_id = _matching_secret(facts, given.secret)
    if facts is None or secret_id is None or given.method not in facts.auth_methods:
        return False
    clients.note_use(secret_id)
    return True


def _checks(facts: ClientFacts, given: ClientCredentials) -> tuple[Check, ...]:
    """What was wrong, for the owner's eyes: never the secret, nor a part of it."""
    public = given.method == "none"
    digest = secrets.digest(given.secret)
    same = next((each for each in facts.secrets if secrets.equal(digest, each.digest)), None)
    live = sum(each.valid_at(clock.now()) for each in facts.secrets)
    said = "fits none" if same is None else "fits" if same.valid_at(clock.now()) else "fits one that has expired"
    return (
        Check("client", facts.enabled, "enabled", "enabled" if facts.enabled else "disabled or deleted"),
        Check(
            "authentication method", given.method in facts.auth_methods, " or ".join(facts.auth_methods), given.method
        ),
        Check("client secret", public or said == "fits", f"one of {live} that work now", "none" if public else said),
    )


def _matching_secret(facts: ClientFacts | None, presented: str) -> str | None:
    """The id of the secret that was presented. Digests are compared, as bytes (trap T5)."""
    digest, now, found = secrets.digest(presented), clock.now(), None
    secrets.equal(digest, _NO_SECRET)
    for secret in facts.secrets if facts else ():
        if secrets.equal(digest, secret.digest) and secret.valid_at(now):
            found = secret.id
    return found
