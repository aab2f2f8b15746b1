"""JSON Web Keys: made, read and checked (RFC 7517, 7638; security.md C4, C5)."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from authserver.lib import base64url, canonical_json

MAX_KID = 512

SIGNING_ALGS = ("ES256", "RS256", "PS256", "EdDSA")
"""What we sign with. ES256 for access tokens; RS256 because OpenID clients expect it."""

_ALGS_OF_CURVE = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}
RSA_ALGS = frozenset({"RS256", "PS256"})
RSA_BITS = range(2048, 8193)  # below is weak, above is a CPU bomb
_RSA_TEXT = range(342, 1367)  # the same in base64url characters, judged before the key is parsed
PUBLIC_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})


class InvalidKey(ValueError):
    """A key that we don't use: malformed, weak, private, or of an unknown kind."""


class PrivateKey(InvalidKey):
    """A key that nobody but its owner may have."""

    def __init__(self) -> None:
        super().__init__("This is a private or symmetric key. Send the public key only.")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, parsed once: importing an RSA key costs 37 ms, using it 0.25 ms."""

    kid: str
    alg: str
    public_jwk: dict[str, str]
    sign: Callable[[bytes], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key and the algorithms it may verify; more than one only for RSA without `alg`.

    `unnamed`: nobody gave it a name. It has no kid, or its own thumbprint (RFC 7638), as keys in PEM get.
    """

    kid: str | None
    algs: frozenset[str]
    _verify: Callable[[str, bytes, bytes], bool] = field(repr=False)
    unnamed: bool = False

    def fits(self, alg: str, signed: bytes, signature: bytes) -> bool:
        """Whether this key made the signature, which may be any bytes."""
        try:
            return self._verify(alg, signed, signature)
        except Exception:  # whatever a hostile signature makes the layers below raise, it doesn't fit
            return False


def generate_private(alg: str) -> bytes:
    """A new private key as PKCS #8 PEM: P-256, RSA with 3072 bits (tens of ms to seconds), or Ed25519."""
    from authserver.lib import native_keys

    return native_keys.generate(alg)


def load_private(kid: str, alg: str, pem: bytes) -> SigningKey:
    """Parse a PEM made by `generate_private`. Raises InvalidKey if it isn't a key for this algorithm."""
    from authserver.lib import native_keys

    public, sign_with = native_keys.signer(alg, pem)
    return SigningKey(kid, alg, {**public, "kid": kid, "alg": alg, "use": "sig"}, sign_with)


def load_public(jwk: Mapping[str, Any]) -> VerifyKey:
    """Check and parse one public JWK.

    Raises InvalidKey, with a sentence for the client's owner: private or symmetric keys, RSA outside
    2048 to 8192 bits, other curves, another use than signing, an algorithm that doesn't fit.
    """
    if not isinstance(jwk, Mapping):
        raise InvalidKey("A key must be a JSON object.")
    if _PRIVATE_MEMBERS.intersection(jwk):
        raise PrivateKey
    kid = jwk.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID):
        raise InvalidKey("The kid of a key must be a text of 1 to 512 characters.")
    if jwk.get("use", "sig") != "sig" or not _may_verify(jwk.get("key_ops", ["verify"])):
        raise InvalidKey("The key is not meant for signatures.")
    public = _public_members(jwk)
    return VerifyKey(kid, _algs(jwk), _verifier(public), unnamed=kid in (None, thumbprint(jwk)))


def sifted(keys: Sequence[Any]) -> tuple[list[Mapping[str, Any]], list[str]]:
    """The keys of a set that we can use, and a sentence for each that is ignored (RFC 7517 section 5).

    Raises PrivateKey if one of them is private: then it is known to more than its owner.
    """
    if has_private(keys):
        raise PrivateKey
    usable: list[Mapping[str, Any]] = []
    ignored = []
    for number, key in enumerate(keys, 1):
        try:
            load_public(key)
            usable.append(key)
        except InvalidKey as problem:
            ignored.append(f"Key {number} is ignored. {problem}")
    return usable, ignored


def has_private(keys: Iterable[Any]) -> bool:
    """Whether a private or symmetric key is among them."""
    return any(isinstance(key, Mapping) and _PRIVATE_MEMBERS.intersection(key) for key in keys)


def public_jwk(pem: str) -> dict[str, str]:
    """A public key in PEM as a JWK whose kid is its thumbprint. Raises InvalidKey, for private keys too."""
    if "PRIVATE KEY" in pem:
        raise PrivateKey
    from authserver.lib import native_keys

    jwk = native_keys.from_public_pem(pem)
    load_public(jwk)
    return {**jwk, "kid": thumbprint(jwk), "use": "sig"}


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """SHA-256 thumbprint of a key, base64url (RFC 7638). Raises InvalidKey for a symmetric key."""
    return base64url.encode(hashlib.sha256(canonical_json.dumps(_public_members(jwk))).digest()).decode()


def _public_members(jwk: Mapping[str, Any]) -> dict[str, str]:
    kty = jwk.get("kty")
    names = PUBLIC_MEMBERS.get(kty) if isinstance(kty, str) else None
    if names is None:
        raise InvalidKey("The key type must be EC, OKP or RSA.")
    members = {name: jwk.get(name) for name in names}
    if not all(isinstance(value, str) and 0 < len(value) <= 2048 for value in members.values()):
        raise InvalidKey("The key is incomplete.")
    return {name: str(value) for name, value in members.items()}


def _may_verify(key_ops: Any) -> bool:
    return isinstance(key_ops, list) and "verify" in key_ops


def _algs(jwk: Mapping[str, Any]) -> frozenset[str]:
    fitting = RSA_ALGS if jwk["kty"] == "RSA" else _ALGS_OF_CURVE.get((jwk["kty"], jwk["crv"]))
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


def _verifier(public: dict[str, str]) -> Callable[[str, bytes, bytes], bool]:
    if public["kty"] == "RSA" and len(public["n"]) not in _RSA_TEXT:
        raise InvalidKey("An RSA key must have 2048 to 8192 bits.")
    from authserver.lib import native_keys

    return native_keys.verifier(public)
