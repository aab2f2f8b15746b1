"""grant_type=urn:ietf:params:oauth:grant-type:device_code: a device polls, and is answered once (RFC 8628 3.4, 3.5)."""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import BaseGrant, TokenEndpointMixin

from authserver import config
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.clients.metadata import DEVICE
from authserver.domain.grants import device_codes, grants
from authserver.domain.grants.device_codes import Unanswered
from authserver.domain.limits import token_budget
from authserver.domain.tokens import issuance
from authserver.edge import explanations
from authserver.errors import Check
from authserver.oauth.client import AUTH_METHODS
from authserver.oauth.errors import DeviceError
from authserver.oauth.request_rules import ProtocolRequest
from authserver.oauth.server import Answer, authenticated, token_response
from authserver.observability import context

# A device asks every few seconds: these are no refusals that anybody would look up.
_WAITING = {
    Unanswered.PENDING: "The person has not answered yet. Ask again after the interval.",
    Unanswered.TOO_FAST: "You ask too often. Wait 5 seconds longer between requests, from now on.",
}


class DeviceCode(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib has no types
    """Not Authlib's own, which never consumes the code (trap T3)."""

    GRANT_TYPE = DEVICE
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    @classmethod
    def is_offered(cls) -> bool:
        """Whether the setting has it on."""
        return config.current().has_devices

    @classmethod
    def check_token_endpoint(cls, request: ProtocolRequest) -> bool:
        return cls.is_offered() and bool(super().check_token_endpoint(request))

    def validate_token_request(self) -> None:
        authenticated(self)
        self.request.need("device_code")

    def create_token_response(self) -> Answer:
        client: ClientFacts = self.request.client.facts
        if client.public:
            token_budget.spend_of_address(client.id)
        found = device_codes.poll(
            self.request.need("device_code"),
            client,
            code_verifier=self.request.fields.get("code_verifier"),
            resources=self.request.resources,
            received_us=self.request.received_us,
        )
        if isinstance(found, Unanswered):
            return _waiting(found)
        grant = found.grant
        scopes = grants.effective_scopes(grant, client)
        issued = issuance.issue(client, scopes=scopes, resources=found.resources, grant=grant)
        return token_response(
            self.GRANT_TYPE,
            issued,
            client,
            grant=grant,
            refresh_token=found.refresh_token,
            id_token=issuance.issue_id_token(client, grant, issued, nonce=True),
        )


def _waiting(found: Unanswered) -> Answer:
    """The answer to a device that goes on asking, or the error with which it ends."""
    if found is Unanswered.DENIED:
        raise _ended(found, "The person did not allow this. Start again when they want it.", "not given")
    if found is Unanswered.EXPIRED:
        raise _ended(found, "The device code has expired. Start again with a new one.", "too late, or none")
    context.current().log["error"] = found.value
    said = {"error": found.value, "error_description": _WAITING[found], "error_uri": explanations.uri()}
    return 400, said, []


def _ended(found: Unanswered, text: str, received: str) -> OAuth2Error:
    wanted = "given by the person before the code expires"
    return DeviceError(found.value, text).because(Check("consent", False, wanted, received))
