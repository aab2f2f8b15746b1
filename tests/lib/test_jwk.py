"""JSON Web Keys (lines 9.1.1-9.2.2, classes C4, C5)."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed448, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk as reference_jwk

from authserver.lib import base64url, jwk
from tests.lib.test_jwt import PEM, SIGNING  # made once for both: an RSA key takes a second of every worker
from tests.support.tables import rows

ES = SIGNING["ES256"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


def test_the_signing_key_shows_nothing_private() -> None:
    assert "PRIVATE" not in repr(ES)
    assert set(ES.public_jwk) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert set(SIGNING["RS256"].public_jwk) == {"kty", "n", "e", "kid", "alg", "use"}


def unusable_keys() -> list[tuple[Any, str]]:
    small = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    es, rs, ed = (SIGNING[alg].public_jwk for alg in ("ES256", "RS256", "EdDSA"))
    ed448_x = (
        ed448.Ed448PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    )
    return [
        ({}, "key type"),
        ([], "object"),
        (None, "object"),
        ("x", "object"),
        ({"kty": ["EC"]}, "key type"),
        ({"kty": "oct", "k": "AAAA"}, "private"),
        ({**es, "d": "AAAA"}, "private"),
        ({**rs, "p": "AAAA"}, "private"),
        ({**es, "d": None}, "private"),
        ({"kty": "oct"}, "key type"),
        ({"kty": "RSA", "n": base64url.encode(small.n.to_bytes(128, "big")).decode(), "e": "AQAB"}, "2048"),
        ({"kty": "RSA", "n": base64url.encode(((1 << 8200) + 1).to_bytes(1026, "big")).decode(), "e": "AQAB"}, "2048"),
        ({**rs, "n": "A" * 100_000}, "incomplete"),
        ({**rs, "e": "AQ"}, "malformed"),
        ({**rs, "e": "Ag"}, "malformed"),
        ({**rs, "n": "!" * 400}, "malformed"),
        ({**rs, "n": ""}, "incomplete"),
        ({**es, "crv": "secp256k1"}, "curve"),
        ({**es, "crv": "P-192"}, "curve"),
        ({**es, "crv": "Ed25519"}, "curve"),
        ({**ed, "crv": "X25519"}, "curve"),
        ({**ed, "crv": "Ed448", "x": base64url.encode(ed448_x).decode()}, "curve"),
        ({**ed, "crv": "P-256"}, "curve"),
        ({**es, "x": 1}, "incomplete"),
        ({**es, "x": base64url.encode(b"\1" * 32).decode()}, "malformed"),
        ({**es, "y": es["x"]}, "malformed"),
        ({**ed, "x": "AAAA"}, "malformed"),
        ({**es, "alg": "ES384"}, "algorithm"),
        ({**es, "alg": "none"}, "algorithm"),
        ({**rs, "alg": "HS256"}, "algorithm"),
        ({**rs, "alg": "RSA1_5"}, "algorithm"),
        ({**es, "alg": 1}, "algorithm"),
        ({**es, "use": "enc"}, "meant"),
        ({**es, "key_ops": ["sign"]}, "meant"),
        ({**es, "key_ops": "verify"}, "meant"),
        ({**es, "kid": 1}, "kid"),
        ({**es, "kid": ""}, "kid"),
        ({**es, "kid": "x" * 513}, "kid"),
    ]


@rows(("key", "says"), unusable_keys())
def test_a_weak_private_or_malformed_key_is_refused(key: Any, says: str) -> None:
    with pytest.raises(jwk.InvalidKey, match=says):
        jwk.load_public(key)


def test_a_key_without_algorithm_gets_those_of_its_type() -> None:
    def algs(alg: str) -> frozenset[str]:
        public = {name: value for name, value in SIGNING[alg].public_jwk.items() if name != "alg"}
        return jwk.load_public(public).algs

    assert algs("ES256") == {"ES256"}
    assert algs("EdDSA") == {"EdDSA"}
    assert algs("RS256") == {"RS256", "PS256"}


@given(
    json_values
    | st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "alg", "kid", "use", "key_ops"]),
        json_values | st.sampled_from(["EC", "RSA", "OKP", "P-256", "Ed25519", "AQAB", "AAAA"]),
    )
)
def test_no_json_raises_anything_but_invalid_key(value: Any) -> None:
    with pytest.raises(jwk.InvalidKey):
        jwk.load_public(value)


@pytest.mark.parametrize(
    ("alg", "pem"),
    [
        ("ES256", PEM["RS256"]),
        ("RS256", PEM["ES256"]),
        ("EdDSA", PEM["ES256"]),
        ("HS256", PEM["ES256"]),
        ("none", PEM["ES256"]),
        ("ES256", b""),
        ("ES256", b"-----BEGIN PRIVATE KEY-----"),
    ],
)
def test_a_private_key_must_fit_its_algorithm(alg: str, pem: bytes) -> None:
    with pytest.raises(jwk.InvalidKey):
        jwk.load_private("k", alg, pem)


def test_no_key_is_made_for_an_algorithm_we_do_not_sign_with() -> None:
    with pytest.raises(jwk.InvalidKey):
        jwk.generate_private("HS256")


def test_an_rsa_key_of_ours_has_3072_bits() -> None:
    private = serialization.load_pem_private_key(PEM["RS256"], None)
    assert isinstance(private, rsa.RSAPrivateKey)
    assert private.key_size == 3072


def test_the_thumbprint_is_that_of_the_rfc() -> None:
    example = {
        "kty": "RSA",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtV"
        "T86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W"
        "-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbIS"
        "D08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    }
    assert jwk.thumbprint(example) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("alg", jwk.SIGNING_ALGS)
def test_thumbprints_agree_with_an_independent_implementation(alg: str) -> None:
    assert jwk.thumbprint(SIGNING[alg].public_jwk) == reference_jwk.import_key(SIGNING[alg].public_jwk).thumbprint()


def _pem(key: object) -> str:
    public: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()


@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA"])
def test_a_public_key_in_pem_becomes_a_jwk(alg: str) -> None:
    pem = jwk.generate_private(alg)
    made = jwk.public_jwk(_pem(serialization.load_pem_private_key(pem, None).public_key()))
    expected = jwk.load_private("", alg, pem).public_jwk
    assert made["kid"] == jwk.thumbprint(expected)
    assert {name: made[name] for name in made if name not in ("kid", "use")}.items() <= expected.items()


def test_a_private_key_in_pem_is_refused() -> None:
    with pytest.raises(jwk.InvalidKey, match="private"):
        jwk.public_jwk(jwk.generate_private("ES256").decode())


@pytest.mark.parametrize("text", ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "words"])
def test_what_is_no_pem_is_refused(text: str) -> None:
    with pytest.raises(jwk.InvalidKey):
        jwk.public_jwk(text)
