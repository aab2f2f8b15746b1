"""grant_type=authorization_code: one code, one success (RFC 6749 section 4.1.3, RFC 7636; traps T1 and T4)."""

from __future__ import annotations

from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant

from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import codes as authorization_codes
from authserver.domain.grants import grants
from authserver.domain.limits import token_budget
from authserver.domain.tokens import issuance
from authserver.oauth.client import AUTH_METHODS
from authserver.oauth.server import Answer, authenticated, token_response


class AuthorizationCode(AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    """The code is consumed in one statement before anything is made from it; Authlib mints first and deletes last."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_token_request(self) -> None:
        authenticated(self)
        self.request.need("code")

    def create_token_response(self) -> Answer:
        client: ClientFacts = self.request.client.facts
        if client.public:
            token_budget.spend_of_address(client.id)
        redeemed = authorization_codes.redeem(
            self.request.need("code"),
            client,
            redirect_uri=self.request.fields.get("redirect_uri"),
            code_verifier=self.request.fields.get("code_verifier"),
            resources=self.request.resources,
            received_us=self.request.received_us,
        )
        grant = redeemed.grant
        scopes = grants.effective_scopes(grant, client)
        issued = issuance.issue(client, scopes=scopes, resources=redeemed.resources, grant=grant)
        return token_response(
            self.GRANT_TYPE,
            issued,
            client,
            grant=grant,
            refresh_token=redeemed.refresh_token,
            id_token=issuance.issue_id_token(client, grant, issued, nonce=True),
        )
