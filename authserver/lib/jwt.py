"""Signed JSON Web Tokens (RFC 7515, 7519; security.md C4-C6).

Compact JWS alone, asymmetric algorithms alone, keys from our caller alone. Size and nesting are capped
before anything is parsed, and every refusal is an InvalidToken (trap T7).
"""

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from authserver.lib import base64url, clock, jwk, strict_json

MAX_TOKEN = 16 * 1024
MAX_HEADER = 4 * 1024
MAX_DEPTH = 16
MAX_CANDIDATES = 4  # keys that are tried on one signature
WRONG_TYP = "wrong typ"
MAX_TIME = 253_402_300_799  # the last second of the year 9999

VERIFY_ALGS = frozenset({"ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"})
"""Everything that is ever verified; each context allows a part of it."""

_REFUSED_HEADERS = frozenset(
    {"crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "enc", "epk", "apu", "apv", "p2s", "p2c", "iv", "tag"}
)
_HASH_OF_ALG = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
_LOOKS = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")
_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class InvalidToken(Exception):
    """The token is not to be believed. `reason` is for the log; a caller never reads it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def sign(key: jwk.SigningKey, claims: Mapping[str, Any], typ: str) -> str:
    """A compact JWS. The hot path: one JSON encoding and one signature."""
    signed = _head(key.alg, key.kid, typ) + base64url.encode(_ENCODE(claims).encode())
    return (signed + b"." + base64url.encode(key.sign(signed))).decode("ascii")


def verify(
    token: str,
    keys: Mapping[str, jwk.VerifyKey] | Sequence[jwk.VerifyKey],
    *,
    algs: frozenset[str],
    typ: str | None,
    require_kid: bool = True,
) -> dict[str, Any]:
    """The claims of a token signed by one of `keys`. Times and audience are the caller's to check.

    `typ` must be the header's, whatever its case and with or without `application/`; None means that the
    header may only be without typ or say `JWT`. A sequence of keys may hold a kid twice (decoys). With
    `require_kid=False` a token without kid is accepted if exactly one key fits its algorithm.

    Raises InvalidToken, and nothing else, whatever the text.
    """
    header, payload, signed, signature = _split(token)
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in algs or alg not in VERIFY_ALGS:
        raise InvalidToken("algorithm not allowed here")
    _check_typ(header, typ)
    candidates = _candidates(header, alg, keys, require_kid)
    if not any(key.fits(alg, signed, signature) for key in candidates):
        raise InvalidToken("bad signature")
    return _object(payload, "payload")


def verify_unnamed(
    token: str, keys: Sequence[jwk.VerifyKey], *, algs: frozenset[str], typ: str | None
) -> dict[str, Any]:
    """The claims of a token under a kid that none of `keys` has, or under none, if one unnamed key made it.

    At most four may come into question, and exactly one must fit (contract 11.40). Raises InvalidToken.
    """
    header, payload, signed, signature = _split(token)
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or alg not in algs or alg not in VERIFY_ALGS:
        raise InvalidToken("algorithm not allowed here")
    _check_typ(header, typ)
    if kid is not None and (not isinstance(kid, str) or len(kid) > jwk.MAX_KID):
        raise InvalidToken("no kid")
    candidates = [key for key in keys if key.unnamed and alg in key.algs]
    if not candidates or len(candidates) > MAX_CANDIDATES or any(key.kid == kid for key in keys if kid is not None):
        raise InvalidToken("no key fits")
    if sum(key.fits(alg, signed, signature) for key in candidates) != 1:
        raise InvalidToken("bad signature")
    return _object(payload, "payload")


def read_unsigned(token: str) -> dict[str, Any]:
    """The claims of a JWT that says it has no signature, and has none: good for what anybody could have said.

    Raises InvalidToken.
    """
    header, payload, _, signature = _split(token)
    if header.get("alg") != "none" or signature:
        raise InvalidToken("not an unsigned JWT")
    return _object(payload, "payload")


def peek_header(token: str) -> dict[str, Any]:
    """The header, structurally checked but NOT verified. Raises InvalidToken."""
    return _split(token)[0]


def peek_claims(token: str) -> dict[str, Any]:
    """The claims, NOT verified: good for finding whose keys to verify with, for nothing else.

    Raises InvalidToken.
    """
    return _object(_split(token)[1], "payload")


def said(token: str) -> dict[str, Any]:
    """The claims of what may be no good JWT at all, for the explanation of its refusal; empty if it says none."""
    try:
        return _object(_decoded(token.split(".")[1].encode()), "payload") if len(token) <= MAX_TOKEN else {}
    except (InvalidToken, IndexError):
        return {}


def looks_like_jwt(value: str) -> bool:
    """Whether a credential has the form of a compact JWS with a JSON header."""
    return _LOOKS.fullmatch(value) is not None


def check_times(
    claims: Mapping[str, Any],
    now: int,
    *,
    max_lifetime: int | None = None,
    require_exp: bool = True,
    leeway: int = clock.LEEWAY,
) -> None:
    """Judge exp, nbf and iat at `now`. All in seconds; `leeway` bears with the other machine's clock.

    With `max_lifetime`, exp may lie at most that far after now, with leeway; an iat in the past is no fault.
    Raises InvalidToken, also for numbers that are no times.
    """
    exp, nbf, iat = (_time(claims, name) for name in ("exp", "nbf", "iat"))
    if exp is None and (require_exp or max_lifetime is not None):
        raise InvalidToken("no exp")
    if exp is not None and exp <= now - leeway:
        raise InvalidToken("expired")
    if nbf is not None and nbf > now + leeway:
        raise InvalidToken("not yet valid")
    if iat is not None and iat > now + leeway:
        raise InvalidToken("issued in the future")
    if exp is not None and max_lifetime is not None and exp > now + max_lifetime + leeway:
        raise InvalidToken("lives too long")


def at_hash(access_token: str, alg: str) -> str:
    """The left half of the access token's hash, for an ID token signed with `alg` (OIDC Core 3.1.3.6)."""
    digest = _HASH_OF_ALG["512" if alg == "EdDSA" else alg[-3:]](access_token.encode("ascii")).digest()
    return base64url.encode(digest[: len(digest) // 2]).decode()


@functools.lru_cache(64)
def _head(alg: str, kid: str, typ: str) -> bytes:
    return base64url.encode(_ENCODE({"alg": alg, "kid": kid, "typ": typ}).encode()) + b"."


def _split(token: str) -> tuple[dict[str, Any], bytes, bytes, bytes]:
    """Header, payload, signed bytes, signature. Everything costly comes after the caps."""
    if len(token) > MAX_TOKEN:
        raise InvalidToken("too large")
    try:
        raw = token.encode("ascii")
    except UnicodeEncodeError as error:
        raise InvalidToken("not a compact JWS") from error
    signed, dot, signature = raw.rpartition(b".")
    head, _, body = signed.partition(b".")
    if not dot or b"." in body or not head or len(head) > MAX_HEADER:
        raise InvalidToken("not a compact JWS")
    header = _object(_decoded(head), "header")
    if not _REFUSED_HEADERS.isdisjoint(header):
        raise InvalidToken("header parameter not allowed")
    return header, _decoded(body), signed, _decoded(signature)


def _decoded(segment: bytes) -> bytes:
    try:
        return base64url.decode(segment)
    except ValueError as error:
        raise InvalidToken(str(error)) from error


def _check_typ(header: Mapping[str, Any], expected: str | None) -> None:
    if "typ" not in header and expected is None:
        return
    typ = header.get("typ")  # null is a value, and no typ
    if not isinstance(typ, str) or _bare(typ) != _bare(expected or "JWT"):
        raise InvalidToken(WRONG_TYP)


def _bare(typ: str) -> str:
    return typ.lower().removeprefix("application/")


def _candidates(
    header: Mapping[str, Any],
    alg: str,
    keys: Mapping[str, jwk.VerifyKey] | Sequence[jwk.VerifyKey],
    require_kid: bool,
) -> list[jwk.VerifyKey]:
    kid = header.get("kid")
    found: Iterable[jwk.VerifyKey]
    if kid is None and not require_kid:
        found = keys.values() if isinstance(keys, Mapping) else keys
    elif not isinstance(kid, str) or len(kid) > jwk.MAX_KID:
        raise InvalidToken("no kid")
    elif isinstance(keys, Mapping):
        found = [keys[kid]] if kid in keys else []
    else:
        found = [key for key in keys if key.kid == kid]
    fitting = [key for key in found if alg in key.algs]
    if not fitting or (kid is None and len(fitting) > 1) or len(fitting) > MAX_CANDIDATES:
        raise InvalidToken("no key fits")
    return fitting


def _object(raw: bytes, what: str) -> dict[str, Any]:
    """Strict JSON: an object in UTF-8, nothing twice, no NaN, no lone surrogate, no NUL, depth 16."""
    try:
        text = raw.decode("utf-8")
        if strict_json.too_deep(text, MAX_DEPTH):
            raise InvalidToken(f"{what} nested too deeply")
        value = strict_json.loads(text)
        if "\\u" in text:
            _refuse_unstorable(value)
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"{what} is not strict JSON") from error
    if not isinstance(value, dict):
        raise InvalidToken(f"{what} is not an object")
    return value


def _refuse_unstorable(value: Any) -> None:
    if "\0" in (text := json.dumps(value, ensure_ascii=False)) or "\\u0000" in text:
        raise ValueError("NUL")
    text.encode("utf-8")  # UnicodeEncodeError, a ValueError, for a lone surrogate


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        if name in claims:
            raise InvalidToken(f"{name} is not a time")
        return None
    # The chained comparison is also false for NaN; bool is an int to Python, but no time.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_TIME:
        raise InvalidToken(f"{name} is not a time")
    return value
