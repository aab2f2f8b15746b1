"""grant_type=refresh_token: rotation with families and grace (RFC 6749 section 6, RFC 9700 section 4.14; trap T2)."""

from __future__ import annotations

from authlib.oauth2.rfc6749.grants import RefreshTokenGrant

from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import grants, refresh_tokens
from authserver.domain.limits import token_budget
from authserver.domain.tokens import issuance
from authserver.errors import Check
from authserver.oauth.client import AUTH_METHODS
from authserver.oauth.errors import InvalidGrant
from authserver.oauth.server import Answer, asked_scopes, authenticated, token_response


class RefreshToken(RefreshTokenGrant):  # type: ignore[misc]  # Authlib has no types
    """The old token is spent and its successor stored in one statement; narrowing does not shrink the successor."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_token_request(self) -> None:
        authenticated(self)
        self.request.need("refresh_token")

    def create_token_response(self) -> Answer:
        client: ClientFacts = self.request.client.facts
        asked, presented = asked_scopes(self.request), self.request.need("refresh_token")
        if client.public:
            token_budget.spend_of_address(client.id)
        token_budget.require_open(presented)
        rotated = refresh_tokens.rotate(presented, client, scopes=asked, resources=self.request.resources)
        grant = rotated.grant
        token_budget.count_refresh(grant.id, rotated.refresh_token)
        scopes = grants.effective_scopes(grant, client, asked or None)
        if grant.scopes and not scopes:
            wanted = "one of the sign-in that the app and the person may still have"
            raise InvalidGrant().because(Check("scope", False, wanted, " ".join(asked or grant.scopes)))
        resources = grants.narrowed_resources(grant, client, self.request.resources)
        issued = issuance.issue(client, scopes=scopes, resources=resources, grant=grant)
        return token_response(
            self.GRANT_TYPE,
            issued,
            client,
            grant=grant,
            refresh_token=rotated.refresh_token,
            id_token=issuance.issue_id_token(client, grant, issued, nonce=False),
        )
