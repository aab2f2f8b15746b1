"""Keys as the libraries below have them: made, parsed, signing, verifying; the only module that knows joserfc.

Imported when the first key is in hand: the libraries take a tenth of a second, and most commands meet none.
"""

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from authserver.lib.jwk import PUBLIC_MEMBERS, RSA_ALGS, RSA_BITS, InvalidKey

_KINDS = ((ec.EllipticCurvePublicKey, ECKey), (ed25519.Ed25519PublicKey, OKPKey), (rsa.RSAPublicKey, RSAKey))
_SHA256 = hashes.SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_PKCS1 = padding.PKCS1v15()
_PSS = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=32)


def generate(alg: str) -> bytes:
    """A new private key as PKCS #8 PEM. Raises InvalidKey for an algorithm that we don't sign with."""
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    if alg == "ES256":
        key = ec.generate_private_key(ec.SECP256R1())
    elif alg == "EdDSA":
        key = ed25519.Ed25519PrivateKey.generate()
    elif alg in RSA_ALGS:
        key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    else:
        raise InvalidKey(f"no key can be made for {alg}")
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def signer(alg: str, pem: bytes) -> tuple[dict[str, str], Callable[[bytes], bytes]]:
    """The public members of a private key in PEM, and what signs with it. Raises InvalidKey."""
    try:
        key: Any = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise InvalidKey("not a private key in PEM") from error
    if alg == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1":
        return _jwk_of(ECKey, key.public_key()), lambda data: _raw_p256(key.sign(data, _ECDSA))
    if alg == "EdDSA" and isinstance(key, ed25519.Ed25519PrivateKey):
        return _jwk_of(OKPKey, key.public_key()), key.sign
    if alg in RSA_ALGS and isinstance(key, rsa.RSAPrivateKey) and key.key_size in RSA_BITS:
        pad = _PKCS1 if alg == "RS256" else _PSS
        return _jwk_of(RSAKey, key.public_key()), lambda data: key.sign(data, pad, _SHA256)
    raise InvalidKey(f"the private key doesn't fit {alg}")


def from_public_pem(pem: str) -> dict[str, str]:
    """The members of a public key in PEM. Raises InvalidKey."""
    try:
        public = serialization.load_pem_public_key(pem.encode())
    except Exception as error:  # the library below has many kinds
        raise InvalidKey("This is no public key in PEM.") from error
    kind = next((kind for known, kind in _KINDS if isinstance(public, known)), None)
    if kind is None:
        raise InvalidKey("The key type must be EC, OKP or RSA.")
    return _jwk_of(kind, public)


def verifier(public: dict[str, str]) -> Callable[[str, bytes, bytes], bool]:
    """What checks (alg, signed bytes, signature) with this public JWK, and may raise anything. Raises InvalidKey."""
    kind: Any = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}[public["kty"]]
    try:
        key = kind.import_key(dict(public))
        native: Any = key.public_key
    except Exception as error:  # joserfc lets many kinds through from below
        raise InvalidKey("The key is malformed.") from error
    if isinstance(native, rsa.RSAPublicKey) and native.key_size not in RSA_BITS:
        raise InvalidKey("An RSA key must have 2048 to 8192 bits.")
    algorithms = JWSRegistry.algorithms
    return lambda alg, signed, signature: bool(algorithms[alg].verify(signed, signature, key))


def _raw_p256(der: bytes) -> bytes:
    r, s = decode_dss_signature(der)
    return (r << 256 | s).to_bytes(64, "big")


def _jwk_of(kind: Any, public: Any) -> dict[str, str]:
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    jwk = kind.import_key(pem).as_dict(private=False)
    return {name: jwk[name] for name in PUBLIC_MEMBERS[jwk["kty"]]}
