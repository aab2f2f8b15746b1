"""Signed JSON Web Tokens: the only module that knows joserfc (RFC 7515, 7517, 7519, 7638; security.md C4-C6).

Compact JWS alone, asymmetric algorithms alone, keys from our caller alone. Size and nesting are capped
before anything is parsed, and every refusal is an InvalidToken (trap T7).
"""

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from authserver.lib import clock

MAX_TOKEN = 16 * 1024
MAX_HEADER = 4 * 1024
MAX_DEPTH = 16
MAX_KID = 512
MAX_TIME = 253_402_300_799  # the last second of the year 9999

SIGNING_ALGS = ("ES256", "RS256", "PS256", "EdDSA")
"""What we sign with. ES256 for access tokens; RS256 because OpenID clients expect it."""

VERIFY_ALGS = frozenset({"ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"})
"""Everything that is ever verified; each context allows a part of it."""

_ALGS_OF_CURVE = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}
_RSA_ALGS = frozenset({"RS256", "PS256"})
_RSA_BITS = range(2048, 8193)  # below is weak, above is a CPU bomb
_RSA_TEXT = range(342, 1367)  # the same in base64url characters, judged before the key is parsed
_PUBLIC_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_REFUSED_HEADERS = frozenset(
    {"crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "enc", "epk", "apu", "apv", "p2s", "p2c", "iv", "tag"}
)
_HASH_OF_ALG = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}

_SEGMENT = re.compile(rb"[A-Za-z0-9_-]*")
_LOOKS = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class InvalidToken(Exception):
    """The token is not to be believed. `reason` is for the log; a caller never reads it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidKey(ValueError):
    """A key that we don't use: malformed, weak, private, or of an unknown kind."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, parsed once: importing an RSA key costs 37 ms, using it 0.25 ms."""

    kid: str
    alg: str
    public_jwk: dict[str, str]
    _sign: Callable[[bytes], bytes] = field(repr=False)
    _heads: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key and the algorithms it may verify; more than one only for RSA without `alg`."""

    kid: str | None
    algs: frozenset[str]
    _key: Any = field(repr=False)


# Keys


def generate_private(alg: str) -> bytes:
    """A new private key as PKCS #8 PEM: P-256, RSA with 3072 bits (tens of ms to seconds), or Ed25519."""
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    if alg == "ES256":
        key = ec.generate_private_key(ec.SECP256R1())
    elif alg == "EdDSA":
        key = ed25519.Ed25519PrivateKey.generate()
    elif alg in _RSA_ALGS:
        key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    else:
        raise InvalidKey(f"no key can be made for {alg}")
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private(kid: str, alg: str, pem: bytes) -> SigningKey:
    """Parse a PEM made by `generate_private`. Raises InvalidKey if it isn't a key for this algorithm."""
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise InvalidKey("not a private key in PEM") from error
    public, sign_with = _signer(alg, private)
    return SigningKey(kid, alg, {**public, "kid": kid, "alg": alg, "use": "sig"}, sign_with)


def load_public(jwk: Mapping[str, Any]) -> VerifyKey:
    """Check and parse one public JWK.

    Raises InvalidKey, with a sentence for the client's owner: private or symmetric keys, RSA outside
    2048 to 8192 bits, other curves, another use than signing, an algorithm that doesn't fit.
    """
    if not isinstance(jwk, Mapping):
        raise InvalidKey("A key must be a JSON object.")
    if _PRIVATE_MEMBERS.intersection(jwk):
        raise InvalidKey("This is a private or symmetric key. Send the public key only.")
    kid = jwk.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID):
        raise InvalidKey("The kid of a key must be a text of 1 to 512 characters.")
    if jwk.get("use", "sig") != "sig" or not _may_verify(jwk.get("key_ops", ["verify"])):
        raise InvalidKey("The key is not meant for signatures.")
    public = _public_members(jwk)
    return VerifyKey(kid, _algs(jwk), _import(public))


def public_jwk(pem: str) -> dict[str, str]:
    """A public key in PEM as a JWK whose kid is its thumbprint. Raises InvalidKey, for private keys too."""
    if "PRIVATE KEY" in pem:
        raise InvalidKey("This is a private or symmetric key. Send the public key only.")
    try:
        native = serialization.load_pem_public_key(pem.encode())
    except Exception as error:  # the library below has many kinds
        raise InvalidKey("This is no public key in PEM.") from error
    kind = next((kind for known, kind in _KINDS if isinstance(native, known)), None)
    if kind is None:
        raise InvalidKey("The key type must be EC, OKP or RSA.")
    jwk = _jwk_of(kind, native)
    load_public(jwk)
    return {**jwk, "kid": thumbprint(jwk), "use": "sig"}


_KINDS = ((ec.EllipticCurvePublicKey, ECKey), (ed25519.Ed25519PublicKey, OKPKey), (rsa.RSAPublicKey, RSAKey))


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """SHA-256 thumbprint of a key, base64url (RFC 7638). Raises InvalidKey for a symmetric key."""
    return _b64(hashlib.sha256(_ENCODE(_public_members(jwk)).encode()).digest()).decode()


def _signer(alg: str, key: Any) -> tuple[dict[str, str], Callable[[bytes], bytes]]:
    if alg == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1":
        return _jwk_of(ECKey, key.public_key()), lambda data: _raw_p256(key.sign(data, _ECDSA))
    if alg == "EdDSA" and isinstance(key, ed25519.Ed25519PrivateKey):
        return _jwk_of(OKPKey, key.public_key()), key.sign
    if alg in _RSA_ALGS and isinstance(key, rsa.RSAPrivateKey) and key.key_size in _RSA_BITS:
        pad = _PKCS1 if alg == "RS256" else _PSS
        return _jwk_of(RSAKey, key.public_key()), lambda data: key.sign(data, pad, _SHA256)
    raise InvalidKey(f"the private key doesn't fit {alg}")


_SHA256 = hashes.SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_PKCS1 = padding.PKCS1v15()
_PSS = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=32)


def _raw_p256(der: bytes) -> bytes:
    r, s = decode_dss_signature(der)
    return (r << 256 | s).to_bytes(64, "big")


def _jwk_of(kind: Any, public: Any) -> dict[str, str]:
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    jwk = kind.import_key(pem).as_dict(private=False)
    return {name: jwk[name] for name in _PUBLIC_MEMBERS[jwk["kty"]]}


def _public_members(jwk: Mapping[str, Any]) -> dict[str, str]:
    kty = jwk.get("kty")
    names = _PUBLIC_MEMBERS.get(kty) if isinstance(kty, str) else None
    if names is None:
        raise InvalidKey("The key type must be EC, OKP or RSA.")
    members = {name: jwk.get(name) for name in names}
    if not all(isinstance(value, str) and 0 < len(value) <= 2048 for value in members.values()):
        raise InvalidKey("The key is incomplete.")
    return {name: str(value) for name, value in members.items()}


def _may_verify(key_ops: Any) -> bool:
    return isinstance(key_ops, list) and "verify" in key_ops


def _algs(jwk: Mapping[str, Any]) -> frozenset[str]:
    fitting = _RSA_ALGS if jwk["kty"] == "RSA" else _ALGS_OF_CURVE.get((jwk["kty"], jwk["crv"]))
    if fitting is None:
        raise InvalidKey("The curve must be P-256, P-384, P-521 or Ed25519.")
    alg = jwk.get("alg")
    if alg is None:
        return fitting
    if alg == "Ed25519" and "EdDSA" in fitting:  # the name of RFC 9864
        return fitting
    if not isinstance(alg, str) or alg not in fitting:
        raise InvalidKey("The algorithm of the key doesn't fit its type.")
    return frozenset({alg})


def _import(public: dict[str, str]) -> Any:
    if public["kty"] == "RSA" and len(public["n"]) not in _RSA_TEXT:
        raise InvalidKey("An RSA key must have 2048 to 8192 bits.")
    kind: Any = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}[public["kty"]]
    try:
        key = kind.import_key(dict(public))
        native: Any = key.public_key
    except Exception as error:  # joserfc lets many kinds through from below
        raise InvalidKey("The key is malformed.") from error
    if isinstance(native, rsa.RSAPublicKey) and native.key_size not in _RSA_BITS:
        raise InvalidKey("An RSA key must have 2048 to 8192 bits.")
    return key


# Tokens


def sign(key: SigningKey, claims: Mapping[str, Any], typ: str) -> str:
    """A compact JWS. The hot path: one JSON encoding and one signature."""
    head = key._heads.get(typ)
    if head is None:
        head = key._heads[typ] = _b64(_ENCODE({"alg": key.alg, "kid": key.kid, "typ": typ}).encode()) + b"."
    signed = head + _b64(_ENCODE(claims).encode())
    return (signed + b"." + _b64(key._sign(signed))).decode("ascii")


def verify(
    token: str,
    keys: Mapping[str, VerifyKey] | Sequence[VerifyKey],
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
    if not any(_signature_fits(alg, key, signed, signature) for key in candidates):
        raise InvalidToken("bad signature")
    return _object(payload, "payload")


def peek_header(token: str) -> dict[str, Any]:
    """The header, structurally checked but NOT verified. Raises InvalidToken."""
    return _split(token)[0]


def peek_claims(token: str) -> dict[str, Any]:
    """The claims, NOT verified: good for finding whose keys to verify with, for nothing else.

    Raises InvalidToken.
    """
    return _object(_split(token)[1], "payload")


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

    With `max_lifetime`, exp may lie at most that far after iat, and, with leeway, after now.
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
    if exp is None or max_lifetime is None:
        return
    if exp > now + max_lifetime + leeway or (iat is not None and exp - iat > max_lifetime):
        raise InvalidToken("lives too long")


def at_hash(access_token: str, alg: str) -> str:
    """The left half of the access token's hash, for an ID token signed with `alg` (OIDC Core 3.1.3.6)."""
    digest = _HASH_OF_ALG["512" if alg == "EdDSA" else alg[-3:]](access_token.encode("ascii")).digest()
    return _b64(digest[: len(digest) // 2]).decode()


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
    header = _object(_unb64(head), "header")
    if not _REFUSED_HEADERS.isdisjoint(header):
        raise InvalidToken("header parameter not allowed")
    return header, _unb64(body), signed, _unb64(signature)


def _check_typ(header: Mapping[str, Any], expected: str | None) -> None:
    typ = header.get("typ")
    if typ is None and expected is None:
        return
    if not isinstance(typ, str) or _bare(typ) != _bare(expected or "JWT"):
        raise InvalidToken("wrong typ")


def _bare(typ: str) -> str:
    return typ.lower().removeprefix("application/")


def _candidates(
    header: Mapping[str, Any],
    alg: str,
    keys: Mapping[str, VerifyKey] | Sequence[VerifyKey],
    require_kid: bool,
) -> list[VerifyKey]:
    kid = header.get("kid")
    found: Iterable[VerifyKey]
    if kid is None and not require_kid:
        found = keys.values() if isinstance(keys, Mapping) else keys
    elif not isinstance(kid, str) or len(kid) > MAX_KID:
        raise InvalidToken("no kid")
    elif isinstance(keys, Mapping):
        found = [keys[kid]] if kid in keys else []
    else:
        found = [key for key in keys if key.kid == kid]
    fitting = [key for key in found if alg in key.algs]
    if not fitting or (kid is None and len(fitting) > 1) or len(fitting) > 4:
        raise InvalidToken("no key fits")
    return fitting


def _signature_fits(alg: str, key: VerifyKey, signed: bytes, signature: bytes) -> bool:
    try:
        return bool(JWSRegistry.algorithms[alg].verify(signed, signature, key._key))
    except Exception:  # whatever a hostile signature makes the layers below raise, it doesn't fit
        return False


def _object(raw: bytes, what: str) -> dict[str, Any]:
    """Strict JSON: an object in UTF-8, nothing twice, no NaN, no lone surrogate, no NUL, depth 16."""
    try:
        text = raw.decode("utf-8")
        if _too_deep(text):
            raise InvalidToken(f"{what} nested too deeply")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
        if "\\u" in text:
            _refuse_unstorable(value)
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"{what} is not strict JSON") from error
    if not isinstance(value, dict):
        raise InvalidToken(f"{what} is not an object")
    return value


def _too_deep(text: str) -> bool:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    depth = 0
    for character in _STRINGS.sub("", text):
        if character in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif character in "}]":
            depth -= 1
    return False


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a member appears twice")
    return result


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


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


def _b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _unb64(segment: bytes) -> bytes:
    """Strict base64url without padding, and only the one canonical spelling of the bytes."""
    if not _SEGMENT.fullmatch(segment):
        raise InvalidToken("not base64url")
    try:
        data = binascii.a2b_base64(segment.translate(_TO_STANDARD) + b"=" * (-len(segment) % 4), strict_mode=True)
    except binascii.Error as error:
        raise InvalidToken("not base64url") from error
    if _b64(data) != segment:
        raise InvalidToken("not canonical base64url")
    return data


_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
