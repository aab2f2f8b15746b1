"""POST /oauth/introspect (RFC 7662, RFC 9701): what a credential says, for those whom it concerns (trap T18)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from authserver import config
from authserver.domain.access.step_up import demanded
from authserver.domain.clients import clients
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.ground import usage
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import inspection, remembered
from authserver.domain.tokens.inspection import Inspection
from authserver.domain.tokens.server_jwts import INTROSPECTING, INTROSPECTION
from authserver.edge import accept, bearer, rate_limit
from authserver.edge.exchange import Incoming, Outgoing
from authserver.errors import Check
from authserver.lib import clock, jwt, networks
from authserver.lib import scopes as grammar
from authserver.oauth import client, request_rules
from authserver.oauth.errors import InvalidClient, InvalidRequest, insufficient_scope, invalid_token
from authserver.oauth.request_rules import ProtocolRequest
from authserver.oauth.server import server
from authserver.observability import metrics

SCOPE = "introspect"
# A public client proves nothing, so it learns nothing (security.md 10.4.10).
AUTH_METHODS = tuple(method for method in client.AUTH_METHODS if method != "none")
INACTIVE: dict[str, Any] = {"active": False}
TYP = "token-introspection+jwt"
MEDIA_TYPE = f"application/{TYP}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a client, or the person behind an API key, of whom that is `told` so much (None: everything)."""

    client: ClientFacts | None
    owner_id: str = ""
    told: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """To whom an answer may be repeated."""
        return f"client:{self.client.id}" if self.client else f"user:{self.owner_id}"

    @property
    def audience(self) -> str:
        """For whom a signed answer is (RFC 9701 section 5)."""
        return self.client.client_id if self.client else self.owner_id

    @property
    def alg(self) -> str:
        """With what it is signed: as the client registered, RS256 for whoever registered nothing (section 6)."""
        return self.client.introspection_alg if self.client else "RS256"

    @property
    def verifier(self) -> str:
        """Where clients' own JWTs are used up: with each caller that may see them; the others use none up."""
        return f"{INTROSPECTION}{self.client.id}" if self.client and self.client.introspect_all else ""

    def may_see(self, found: Inspection) -> bool:
        if self.client is not None:
            return inspection.visible_to(found, self.client)
        return found.person_id == self.owner_id

    def uses(self, found: Inspection) -> frozenset[str]:
        """The APIs at which it is being used: what the caller is, or for a trusted one whatever the token is for."""
        if self.client is None:
            return frozenset()
        trusted = found.audience if self.client.introspect_all else ()
        return inspection.served(found, self.client) or frozenset(trusted)

    def may_see_person(self, found: Inspection, scope: str) -> bool:
        """An app learns who a person is only with their consent to `scope`; an API that serves them knows them.

        A key that an app made is told what that app was, whatever it asks about.
        """
        if self.client is None:
            return self.told is None or scope in self.told
        if scope in found.scopes:
            return True
        return self.client.introspect_all or inspection.serves(found, self.client)


def respond(incoming: Incoming) -> Outgoing:
    """Whatever is wrong with the credential, and whoever may not see it: the same bytes."""
    return server.answer(incoming, _introspect)


def _introspect(request: ProtocolRequest) -> Outgoing:
    caller = _caller(request)
    # token_type_hint is ignored: the form of a credential says what it is (trap T14).
    token = request.need("token")
    found = remembered.inspect(token, caller.name, ip=_client_ip(request), verifier=caller.verifier)
    active = found is not None and caller.may_see(found)
    metrics.INTROSPECTIONS.labels(active=str(active).lower()).inc()
    usage.count(usage.INTROSPECTIONS, caller.name)
    if found is None or not active:
        return _answer(request, caller, INACTIVE)
    counts = request.fields.get("rate_limit") == "consume"
    at = caller.uses(found)
    return _answer(request, caller, _members(found, caller) | _step_up(found, at) | _rate_limit(found, at, counts))


def _answer(request: ProtocolRequest, caller: Caller, members: dict[str, Any]) -> Outgoing:
    """JSON, or signed for who asks for that (RFC 9701 sections 4 and 5).

    Neither `sub` nor `exp` stand beside the answer, so that nobody takes it for an access token.
    """
    if not accept.asks_for(MEDIA_TYPE, request.headers.get("accept", ""), instead_of="application/json"):
        return server.handle_response(200, members, [])
    signed = {
        "iss": config.current().issuer,
        "aud": caller.audience,
        "iat": clock.now(),
        "token_introspection": members,
    }
    token = jwt.sign(signing_keys.signer(caller.alg), signed, TYP)
    return Outgoing(200, token.encode(), [("Content-Type", MEDIA_TYPE)])


def _client_ip(request: ProtocolRequest) -> str:
    """Whose address an API key's networks are judged by: the one that the API names, else the API's own."""
    said = request.fields.get("client_ip")
    if said is None:
        return request.ip
    try:
        return networks.strict_address(said)
    except ValueError:
        text = "The client_ip is not an IP address. Send one such as 192.0.2.7 or 2001:db8::7, or leave it out."
        raise InvalidRequest(text).because(Check("client ip", False, "an IP address", said)) from None


def _caller(request: ProtocolRequest) -> Caller:
    presented = request_rules.bearer(request.authorization)
    if presented is None:
        found = client.authenticate(request, AUTH_METHODS)
        return Caller(found.facts)
    credential = inspection.inspect(presented, ip=request.ip, verifier=INTROSPECTING)
    if credential is not None and not inspection.good_here(credential):
        inspection.note_elsewhere(presented, credential)
        credential = None
    if credential is None:
        raise invalid_token()
    if SCOPE not in credential.scopes:
        raise insufficient_scope(SCOPE)
    if credential.credential == "api_key":
        return Caller(None, credential.subject, credential.key.knows if credential.key else None)
    facts = clients.find(credential.client_id)
    if facts is None:
        raise InvalidClient(by_header=True)
    return Caller(facts)


def _rate_limit(found: Inspection, at: Collection[str], consume: bool) -> dict[str, Any]:
    """How the limit of the credential stands; the caller may count its own request (contract 11.17)."""
    if found.credential == "refresh_token":
        return {}
    holder = bearer.of(found)
    state = rate_limit.consume(holder, at) if consume else rate_limit.peek(holder, at)
    said = {**rate_limit.members(state), "allowed": state.allowed}
    if not state.allowed:
        said["retry_after"] = state.retry_after
    return {"rate_limit": said}


def _step_up(found: Inspection, at: Collection[str]) -> dict[str, Any]:
    """What the API asks of a sign-in, where the one behind this credential is not enough (RFC 9470 section 3).

    The credential is good all the same: its API refuses it under this name, with these parameters.
    """
    demand, holder = demanded(at), bearer.of(found)
    if holder.owner_id is None or demand.is_met(holder.auth_time, holder.acr, clock.now()):
        return {}
    return {"insufficient_user_authentication": demand.parameters}


def _members(found: Inspection, caller: Caller) -> dict[str, Any]:
    """The members of RFC 7662 section 2.2, those without a value left out."""
    members: dict[str, Any] = {"active": True, **found.claims, "credential": found.credential}
    if "iat" in members:
        members.setdefault("nbf", members["iat"])  # good from the start, unless it says otherwise
    if found.client_id:
        members.setdefault("client_id", found.client_id)
    if found.credential == "access_token":
        members["token_type"] = "Bearer"
    if found.scopes:
        members["scope"] = grammar.join(found.scopes)
    if found.username and caller.may_see_person(found, "email"):
        members["username"] = found.username
    if found.preferred_username and caller.may_see_person(found, "profile"):
        members["preferred_username"] = found.preferred_username
    if found.permission:
        members["permission"] = found.permission
    if found.key and found.key.allowed_networks:
        members["allowed_networks"] = found.key.allowed_networks
    return members
