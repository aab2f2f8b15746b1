"""Request objects: an authorization request as a JWT of its app (OpenID Connect Core 6, RFC 9101; contract 11.54).

By value in `request`, or by reference in `request_uri`, which the app has registered. What the object says wins over
the parameters beside it, but for `client_id` and `response_type`, which have to be the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from authserver import config
from authserver.domain.clients import keys as client_keys
from authserver.domain.clients import request_objects
from authserver.domain.clients.facts import ClientFacts
from authserver.errors import Check
from authserver.lib import clock, jwt, secrets
from authserver.oauth import authorization_rules
from authserver.oauth.authorization_parameters import Parameters, Untrusted

ALGS = ("RS256", "PS256", "ES256", "EdDSA")
NONE = "none"
TYP = "oauth-authz-req+jwt"  # RFC 9101 section 10.8
BY_VALUE, BY_REFERENCE = "request", "request_uri"
MAX_JTI = 255
SAME = ("client_id", "response_type")
# What an object says of itself, and not of the request.
_OWN = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request with what its object says, and the mark under which that object is used up, with its end."""

    sent: Parameters
    mark: bytes | None = None
    mark_ends_at: int | None = None


def described() -> dict[str, Any]:
    """Members of the metadata (OpenID Connect Discovery 1.0, section 3; RFC 9101 section 10.5)."""
    return {
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "request_object_signing_alg_values_supported": [*ALGS, NONE],
    }


def resolve(sent: Parameters) -> Resolved:
    """The request as its object has it; unchanged without one. Raises Untrusted, Refusal."""
    value, reference = sent.get(BY_VALUE), sent.get(BY_REFERENCE)
    if value is None and reference is None:
        return Resolved(sent)
    client = authorization_rules.client_of(sent)
    if value is not None and reference is not None:
        told = "The parameters request and request_uri came together. Send one of the two."
        _refuse(sent, client, "invalid_request", told, Check("request object", False, "one", "two"))
    token = value if value is not None else _fetched(sent, client, reference or "")
    claims = _verified(sent, client, token)
    _require_same(sent, client, claims)
    merged = Parameters(_merged(sent.values, claims), sent.repeated)
    return Resolved(merged, *_mark(sent, client, claims))


def _fetched(sent: Parameters, client: ClientFacts, uri: str) -> str:
    """The object that the app publishes (section 6.2); only at an address that it registered."""
    if uri not in client.request_uris:
        told = "The request_uri is not registered for this app. Register it, or send the request object itself."
        registered = " or ".join(client.request_uris) or "(none is registered)"
        _refuse(sent, client, "invalid_request_uri", told, Check("request uri", False, registered, uri))
    try:
        return request_objects.fetch(client, uri)
    except request_objects.NotFetched as failure:
        told = "The request object could not be read from the request_uri. Publish it there again, or send it itself."
        _refuse(sent, client, "invalid_request_uri", told, Check("request uri", False, "a JWT", str(failure)))


def _verified(sent: Parameters, client: ClientFacts, token: str) -> dict[str, Any]:
    """What the object says, once its signature, and then everything else, is right (security.md 9.1.1)."""
    try:
        if _is_unsigned(token):
            if client.request_object_alg != NONE:
                told = "The request object is not signed, and the app is not registered for that. Send a signed one."
                wanted = Check("algorithm", False, client.request_object_alg or " or ".join(ALGS), NONE)
                _refuse(sent, client, "request_not_supported", told, wanted)
            claims = jwt.read_unsigned(token)
        else:
            algs = frozenset({client.request_object_alg} if client.request_object_alg else ALGS)
            claims = client_keys.verify_named(client, token, algs, typ=_typ(token))
        _judge(client, claims)
    except jwt.InvalidToken as wrong:
        told = "The request object is not good: signature, times, or what it says of itself. Send a new one."
        reason = Check("request object", False, "a good JWT", wrong.reason)
        _refuse(sent, client, "invalid_request_object", told, reason)
    return claims


def _is_unsigned(token: str) -> bool:
    return jwt.peek_header(token).get("alg") == NONE


def _typ(token: str) -> str | None:
    said = jwt.peek_header(token).get("typ")
    return TYP if isinstance(said, str) and said.lower().removeprefix("application/") == TYP else None


def _judge(client: ClientFacts, claims: Mapping[str, Any]) -> None:
    jwt.check_times(claims, clock.now(), require_exp=False)
    if claims.get("iss", client.client_id) != client.client_id:
        raise jwt.InvalidToken("iss is not the app")
    audience = claims.get("aud", config.current().issuer)
    if config.current().issuer not in (audience if isinstance(audience, list) else [audience]):
        raise jwt.InvalidToken("aud is not this server")
    if claims.get("sub") == client.client_id:  # RFC 9101 section 10.8: it would be a client assertion, too
        raise jwt.InvalidToken("sub is the app itself")
    if BY_VALUE in claims or BY_REFERENCE in claims:  # section 6.1
        raise jwt.InvalidToken("another request object inside")
    jti = claims.get("jti")
    if jti is not None and not (isinstance(jti, str) and 0 < len(jti) <= MAX_JTI and "exp" in claims):
        raise jwt.InvalidToken("a jti that is no text, or without an exp")


def _require_same(sent: Parameters, client: ClientFacts, claims: Mapping[str, Any]) -> None:
    """Section 6.1: these have to be parameters, and a request object cannot say something else (trap T16)."""
    for name in SAME:
        outside = sent.get(name)
        if name in claims and outside is not None and claims[name] != outside:
            told = f"The {name} of the request object is another one than beside it. Send the same in both."
            differ = Check(name.replace("_", " "), False, outside, str(claims[name])[:MAX_JTI])
            _refuse(sent, client, "invalid_request_object", told, differ)


def _merged(values: Mapping[str, list[str]], claims: Mapping[str, Any]) -> dict[str, list[str]]:
    said = {name: _texts(name, value) for name, value in claims.items() if name not in _OWN and value is not None}
    beside = {name: given for name, given in values.items() if name not in (BY_VALUE, BY_REFERENCE)}
    return beside | said


def _texts(name: str, value: Any) -> list[str]:
    """A member as the parameter of that name would have it: numbers and objects in JSON."""
    if isinstance(value, str):
        return [value]
    if name == "resource" and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    return [json.dumps(value, separators=(",", ":"))]


def _mark(sent: Parameters, client: ClientFacts, claims: Mapping[str, Any]) -> tuple[bytes | None, int | None]:
    """Under which an object with a `jti` is used up by the answer to it, not by looking at a page."""
    if "jti" not in claims:
        return None, None
    return secrets.digest("\0".join((client.id, "request object", claims["jti"]))), int(claims["exp"]) + clock.LEEWAY


def _refuse(sent: Parameters, client: ClientFacts, error: str, told: str, check: Check) -> NoReturn:
    """Where the parameters beside the object lead is told; where they lead nowhere that is verified, a page says it.

    Which way back, and with which state, may be read of the object itself: whoever made the link chose these, too.
    """
    try:
        sender = authorization_rules.identify(_with_the_way_back(sent))
    except Untrusted:
        raise Untrusted(told, parameter=BY_VALUE, client=client, check=check) from None
    raise sender.to.refuse(error, told, check)


def _with_the_way_back(sent: Parameters) -> Parameters:
    said = jwt.said(sent.get(BY_VALUE) or "")
    more = {name: [said[name]] for name in ("response_mode", "state") if isinstance(said.get(name), str)}
    return Parameters(more | sent.values, sent.repeated)
