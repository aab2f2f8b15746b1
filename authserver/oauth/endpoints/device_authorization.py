"""POST /oauth/device_authorization (RFC 8628 section 3.1): a device asks, and a person answers elsewhere."""

from __future__ import annotations

import json
from typing import Any

from authserver import config
from authserver.config import Settings
from authserver.domain.access import scopes
from authserver.domain.authorization import devices
from authserver.domain.authorization.devices import Begun
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.clients.metadata import DEVICE
from authserver.domain.tokens import issuance
from authserver.edge.exchange import Incoming, Outgoing
from authserver.errors import Check
from authserver.lib import pkce
from authserver.lib import scopes as grammar
from authserver.oauth import client
from authserver.oauth.errors import InvalidRequest, InvalidScope, UnauthorizedClient
from authserver.oauth.request_rules import ProtocolRequest
from authserver.oauth.server import asked_scopes, server

PATH = "/oauth/device_authorization"
PAGE = "/device"


def described(settings: Settings) -> dict[str, Any]:
    """Its member of the metadata (RFC 8628 section 4)."""
    return {"device_authorization_endpoint": settings.issuer + PATH}


def respond(incoming: Incoming) -> Outgoing:
    """The device's code, the one that its person types, and where."""
    return server.answer(incoming, _begin)


def _begin(request: ProtocolRequest) -> Outgoing:
    asking = client.authenticate(request).facts
    if not asking.may_use(DEVICE):
        text = "The app is not registered for the grant of devices. Add the grant to the app."
        lacking = Check("grant", False, DEVICE, " or ".join(asking.grant_types) or "none")
        raise UnauthorizedClient(text).because(lacking)
    begun = devices.begin(
        asking,
        scopes=_scopes(request, asking),
        scope_asked="scope" in request.fields,
        resources=issuance.assigned_resources(asking, request.resources),
        code_challenge=_code_challenge(request),
    )
    return Outgoing(200, json.dumps(_told(begun)).encode(), [("Content-Type", "application/json")])


def _told(begun: Begun) -> dict[str, Any]:
    """The device authorization response (RFC 8628 section 3.2)."""
    page = config.current().issuer + PAGE
    return {
        "device_code": begun.device_code,
        "user_code": begun.user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={begun.user_code}",
        "expires_in": devices.LIFETIME,
        "interval": devices.PAUSE,
    }


def _scopes(request: ProtocolRequest, asking: ClientFacts) -> tuple[str, ...]:
    """What was asked and is assigned; unknown scopes are dropped, as at the authorization endpoint."""
    asked = asked_scopes(request)
    kept = tuple(name for name in scopes.known(asked or asking.default_scopes) if name in asking.scopes)
    if not asking.may_use("refresh_token"):
        kept = tuple(name for name in kept if name != scopes.OFFLINE)
    if asked and not kept:
        text = "None of the values of scope is assigned to this client. Add them to the app, or ask for another scope."
        assigned = grammar.join(asking.scopes) or scopes.NONE
        raise InvalidScope(text).because(Check("scope", False, assigned, grammar.join(asked)))
    return kept


def _code_challenge(request: ProtocolRequest) -> str | None:
    """PKCE is not asked of devices; one that sends a challenge has to prove it at the token endpoint."""
    challenge, method = request.fields.get("code_challenge"), request.fields.get("code_challenge_method")
    if challenge is None and method is None:
        return None
    if method != "S256" or not pkce.valid_challenge(challenge or ""):
        text = "The code_challenge is 43 characters of base64url, with code_challenge_method=S256. Send both, or none."
        wanted = "43 characters of base64url, and S256"
        said = f"{len(challenge or '')} characters, and {method or 'no method'}"
        raise InvalidRequest(text).because(Check("code challenge", False, wanted, said))
    return challenge
