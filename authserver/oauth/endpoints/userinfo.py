"""GET and POST /oauth/userinfo (OpenID Connect Core 5.3)."""

from __future__ import annotations

from authserver import config
from authserver.domain.clients import clients
from authserver.domain.grants.grants import GrantFacts
from authserver.domain.ground import reasons
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import inspection, person_claims
from authserver.domain.tokens.inspection import Inspection
from authserver.edge.exchange import Incoming, Outgoing
from authserver.errors import Check
from authserver.lib import form_body, jwt
from authserver.oauth import refusal_checks, request_rules
from authserver.oauth.errors import BearerError, insufficient_scope, invalid_token, missing_token, no_person
from authserver.oauth.server import server

TOKEN = "access_token"
TYP = "JWT"


def respond(incoming: Incoming) -> Outgoing:
    """What the scopes of the token let its app know about the person."""
    presented = ""
    try:
        presented = _presented(incoming)
        found = _inspected(presented, incoming.ip)
        if found.grant is None:
            raise no_person()
        if "openid" not in found.scopes:
            raise insufficient_scope("openid")
        return _answer(found.grant, found)
    except BearerError as error:
        presented = presented or error.presented
        if presented:
            refusal_checks.note_bearer(incoming.path, f"Bearer {presented}", incoming.ip, error)
        return server.handle_error_response(None, error)


def _inspected(presented: str, ip: str) -> Inspection:
    """The access token that may ask here. Raises BearerError."""
    found = inspection.inspect(presented, ip=ip)
    if found is not None and found.credential == "api_key":
        reasons.note(presented, "kind of credential", "an access token of a sign-in", "an API key")
    elif found is not None and not inspection.good_here(found):
        inspection.note_elsewhere(presented, found)
    elif found is not None:
        return found
    raise invalid_token()


def _presented(incoming: Incoming) -> str:
    """The one token of the request: in the header, or in the form of a POST (RFC 6750 section 2.2).

    In a URL it would end up in logs.
    """
    in_header = request_rules.bearer(incoming.header("authorization")) or ""
    try:
        in_url = form_body.parse_query(incoming.query).get(TOKEN)
        in_body = form_body.parse(incoming.body, incoming.headers.get("content-type")).get(TOKEN)
    except form_body.FormError as error:
        wrong = Check("form of the request", False, f"{request_rules.A_FORM}, or none", str(error))
        text = f"The request can not be read. Send {request_rules.A_FORM}, or none."
        raise _malformed(text, wrong, in_header) from None
    if in_url:
        text = "The access token is in the URL, where logs keep it. Send it in the header Authorization: Bearer."
        raise _malformed(text, Check("place of the token", False, _PLACE, "the URL"), in_url)
    if in_body and incoming.method != "POST":
        text = "The access token is in the body of a GET. Send it in the header Authorization: Bearer, or by POST."
        raise _malformed(text, Check("place of the token", False, _PLACE, "the body of a GET"), in_body)
    if in_header and in_body:
        text = "The access token came twice. Send it once, in the header Authorization: Bearer."
        raise _malformed(text, Check("place of the token", False, _PLACE, "header and body"), in_header)
    token = in_header or in_body
    if not token:
        raise missing_token()
    return token


_PLACE = "the header Authorization: Bearer alone"


def _malformed(text: str, check: Check, presented: str) -> BearerError:
    error = BearerError("invalid_request", text, 400, checks=(check,))
    error.presented = presented
    return error


def _answer(grant: GrantFacts, found: Inspection) -> Outgoing:
    """JSON, or signed for an app that registered so (section 5.3.2)."""
    client = clients.get(found.client_id)
    asked = person_claims.asked(grant, client, "userinfo")
    claims = {"sub": grant.sub, **person_claims.of(grant, found.scopes, asked)}
    if client.userinfo_alg is None:
        return server.handle_response(200, claims, [])
    signed = {"iss": config.current().issuer, "aud": client.client_id, **claims}
    token = jwt.sign(signing_keys.signer(client.userinfo_alg), signed, TYP)
    return Outgoing(200, token.encode(), [("Content-Type", "application/jwt")])
