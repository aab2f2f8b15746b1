"""ID tokens that come back to us as hints: whether we signed them, and for which app and person."""

from __future__ import annotations

from typing import Any

from authserver import config
from authserver.domain.signing import keys as signing_keys
from authserver.lib import jwk, jwt

TYP = "JWT"
_ALGS = frozenset(jwk.SIGNING_ALGS)


def read(token: str) -> dict[str, Any]:
    """The claims of an ID token that we signed, however old it is (OIDC Core 3.1.2.1). Raises InvalidToken."""
    claims = jwt.verify(token, signing_keys.verifying(), algs=_ALGS, typ=TYP)
    if claims.get("iss") != config.current().issuer:
        raise jwt.InvalidToken("another issuer's")
    # An access token may say typ JWT, too; it names its app in client_id, and has none of these.
    if "client_id" in claims or not all(isinstance(claims.get(name), str) for name in ("aud", "azp", "sub")):
        raise jwt.InvalidToken("no ID token")
    return claims
