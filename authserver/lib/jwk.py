"""JSON Web Keys: made, read and checked; the only module that knows joserfc (RFC 7517, 7638; security.md C4, C5)."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

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
_RSA_ALGS = frozenset({"RS256", "PS256"})
_RSA_BITS = range(2048, 8193)  # below is weak, above is a CPU bomb
_RSA_TEXT = range(342, 1367)  # the same in base64url characters, judged before the key is parsed
_PUBLIC_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_KINDS = ((ec.EllipticCurvePublicKey, ECKey), (ed25519.Ed25519PublicKey, OKPKey), (rsa.RSAPublicKey, RSAKey))
_SHA256 = hashes.SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_PKCS1 = padding.PKCS1v15()
_PSS = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=32)


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
    _key: Any = field(repr=False)
    unnamed: bool = False

    def fits(self, alg: str, signed: bytes, signature: bytes) -> bool:
        """Whether this key made the signature, which may be any bytes."""
        try:
            return bool(JWSRegistry.algorithms[alg].verify(signed, signature, self._key))
        except Exception:  # whatever a hostile signature makes the layers below raise, it doesn't fit
            return False


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
        raise PrivateKey
    kid = jwk.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID):
        raise InvalidKey("The kid of a key must be a text of 1 to 512 characters.")
    if jwk.get("use", "sig") != "sig" or not _may_verify(jwk.get("key_ops", ["verify"])):
        raise InvalidKey("The key is not meant for signatures.")
    public = _public_members(jwk)
    return VerifyKey(kid, _algs(jwk), _import(public), unnamed=kid in (None, thumbprint(jwk)))


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


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """SHA-256 thumbprint of a key, base64url (RFC 7638). Raises InvalidKey for a symmetric key."""
    return base64url.encode(hashlib.sha256(canonical_json.dumps(_public_members(jwk))).digest()).decode()


def _signer(alg: str, key: Any) -> tuple[dict[str, str], Callable[[bytes], bytes]]:
    if alg == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1":
        return _jwk_of(ECKey, key.public_key()), lambda data: _raw_p256(key.sign(data, _ECDSA))
    if alg == "EdDSA" and isinstance(key, ed25519.Ed25519PrivateKey):
        return _jwk_of(OKPKey, key.public_key()), key.sign
    if alg in _RSA_ALGS and isinstance(key, rsa.RSAPrivateKey) and key.key_size in _RSA_BITS:
        pad = _PKCS1 if alg == "RS256" else _PSS
        return _jwk_of(RSAKey, key.public_key()), lambda data: key.sign(data, pad, _SHA256)
    raise InvalidKey(f"the private key doesn't fit {alg}")


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
