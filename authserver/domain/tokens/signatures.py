"""Signatures of our own access tokens (RFC 9068), each verified once: verifying the same bytes again says the same.

Remembered are the claims and the key that fitted. Whether that key is still published, whether the token has expired or
was revoked, and whatever else may change, is judged anew at each use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authserver.domain.access import resource_wishes
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import issuance
from authserver.lib import jwk, jwt, secrets
from authserver.lib.recent import Recent

_VERIFIED_WITH = frozenset(resource_wishes.ALGS)  # what `issuance` signs with
# Tokens that are remembered, of a kilobyte or two each.
MOST = 5_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What a token says, and the key with which it was verified."""

    claims: dict[str, Any]
    kid: str
    key: jwk.VerifyKey


_known: Recent[bytes, _Known] = Recent(MOST)


def signed(token: str) -> dict[str, Any]:
    """The claims of an access token that we signed, whenever that was. Raises InvalidToken."""
    keys, digest = signing_keys.verifying(), secrets.digest(token)
    known = _known.find(digest)
    if known is None or keys.get(known.kid) is not known.key:
        known = _verified(token, keys)
        _known.keep(digest, known)
    return dict(known.claims)


def knows(token: str) -> bool:
    """Whether it was found to be an access token that we signed, good now or not."""
    return _known.find(secrets.digest(token)) is not None


def _verified(token: str, keys: Mapping[str, jwk.VerifyKey]) -> _Known:
    try:
        claims = jwt.verify(token, keys, algs=_VERIFIED_WITH, typ=issuance.ACCESS_TOKEN_TYP)
    except jwt.InvalidToken as refused:
        if refused.reason != jwt.WRONG_TYP:
            raise
        claims = jwt.verify(token, keys, algs=_VERIFIED_WITH, typ=issuance.PLAIN_TYP)
        if not issuance.is_plain_access_token(claims):
            raise jwt.InvalidToken(jwt.WRONG_TYP) from None
    kid = jwt.peek_header(token)["kid"]
    if jwt.peek_header(token)["alg"] != issuance.ALG and issuance.is_for_us(claims):
        raise jwt.InvalidToken("algorithm not allowed here")
    return _Known(claims, kid, keys[kid])
