"""Key pairs of clients, and the JWTs they sign for themselves."""

from __future__ import annotations

import functools
import secrets
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from authserver.lib import clock
from tests.support.databases import ISSUER

API = f"{ISSUER}/v1"


@functools.cache
def pair(alg: str = "ES256", number: int = 0) -> Any:
    """A private key for this algorithm; `number` makes another one. RSA costs time, so each is made once a run."""
    parameters = {"alg": alg, "use": "sig", "kid": f"{alg}-{number}"}
    if alg in ("RS256", "PS256"):
        return RSAKey.generate_key(2048, parameters, private=True, auto_kid=False)
    if alg == "EdDSA":
        return OKPKey.generate_key("Ed25519", parameters, private=True, auto_kid=False)
    curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[alg]
    return ECKey.generate_key(curve, parameters, private=True, auto_kid=False)


def public(key: Any, **changes: Any) -> dict[str, Any]:
    """The public half as a JWK; None takes a member away."""
    members = key.as_dict(private=False) | changes
    return {name: value for name, value in members.items() if value is not None}


def key_set(*keys: Any) -> dict[str, Any]:
    return {"keys": [public(key) for key in keys]}


def claims(client_id: str, **changes: Any) -> dict[str, Any]:
    """What a good JWT says; None takes a claim away."""
    now = clock.now()
    said = {
        "iss": client_id,
        "sub": client_id,
        "aud": API,
        "iat": now,
        "exp": now + 300,
        "jti": secrets.token_urlsafe(12),
    }
    return {name: value for name, value in (said | changes).items() if value is not None}


def signed(key: Any, said: dict[str, Any], **header: Any) -> str:
    """A compact JWS; None takes a header parameter away."""
    alg = key.get("alg")
    head = {"alg": alg, "kid": key.get("kid"), "typ": "JWT"} | header
    return jwt.encode({name: value for name, value in head.items() if value is not None}, said, key, [head["alg"]])


def own(client_id: str, key: Any = None, **changes: Any) -> str:
    """A good JWT of a client, but for what `changes` say."""
    return signed(key or pair(), claims(client_id, **changes))


def assertion(client_id: str, key: Any = None, **changes: Any) -> dict[str, str]:
    """The parameters by which a client proves who it is (RFC 7523 section 2.2)."""
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {"client_assertion_type": kind, "client_assertion": own(client_id, key, **{"aud": ISSUER} | changes)}
