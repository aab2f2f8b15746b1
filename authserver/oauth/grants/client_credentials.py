"""grant_type=client_credentials: a client acts for itself (RFC 6749 section 4.4). No statement when warm."""

from __future__ import annotations

from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from authserver.domain.access import scopes
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.limits import token_budget
from authserver.domain.tokens import issuance
from authserver.errors import Check
from authserver.lib import scopes as grammar
from authserver.oauth.client import AUTH_METHODS
from authserver.oauth.errors import InvalidScope, UnauthorizedClient
from authserver.oauth.server import Answer, asked_scopes, authenticated, token_response


class ClientCredentials(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    """Every assigned scope if none is asked for, else those of the asked ones that are assigned (contract 11.8)."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_token_request(self) -> None:
        if authenticated(self).public:
            raise UnauthorizedClient(
                "grant_type client_credentials is for apps that keep a secret. Register a machine-to-machine app."
            ).because(Check("kind of app", False, "one that keeps a secret", "a public app"))

    def create_token_response(self) -> Answer:
        client: ClientFacts = self.request.client.facts
        resources = issuance.assigned_resources(client, self.request.resources)
        scopes = _granted(client, asked_scopes(self.request))
        issuance.prepare(client, resources)
        token_budget.spend_of_client(client.id)
        issued = issuance.issue(client, scopes=scopes, resources=resources)
        return token_response(self.GRANT_TYPE, issued, client)


def _granted(client: ClientFacts, asked: tuple[str, ...]) -> tuple[str, ...]:
    granted = tuple(name for name in asked if name in client.scopes) if asked else client.scopes
    if asked and not granted:
        raise InvalidScope(
            "None of the values of scope is assigned to this client. Add them to the app, or leave scope out."
        ).because(Check("scope", False, grammar.join(client.scopes) or scopes.NONE, grammar.join(asked)))
    return granted
