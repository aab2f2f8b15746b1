"""JSON Web Tokens (lines 9.1.1-9.2.2, classes C4-C6, C28-C30, traps T7 and T8)."""

import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk as reference_jwk
from joserfc import jwt as reference_jwt

from authserver.lib import jwk, jwt
from tests.support.tables import rows

PEM = {alg: jwk.generate_private(alg) for alg in ("ES256", "RS256", "EdDSA")}
PEM["PS256"] = PEM["RS256"]
SIGNING = {alg: jwk.load_private(f"key-{alg}", alg, pem) for alg, pem in PEM.items()}
VERIFY = {key.kid: jwk.load_public(key.public_jwk) for key in SIGNING.values()}
ES = SIGNING["ES256"]
CLAIMS = {"iss": "https://as.test", "sub": "usr_alice", "exp": 2_000_000_000, "scope": "workflows:read"}
TOKEN = jwt.sign(ES, CLAIMS, "at+jwt")
HEADER = {"alg": "ES256", "kid": ES.kid, "typ": "at+jwt"}
ALLOWED = frozenset({"ES256"})


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(header: Any, payload: Any = CLAIMS, sign: Callable[[bytes], bytes] = ES.sign) -> str:
    """A token with a VALID signature over whatever header and payload, as a hostile issuer could make it."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signed = ".".join(map(b64, parts))
    return f"{signed}.{b64(sign(signed.encode()))}"


def verify(token: str, keys: Any = VERIFY, typ: str | None = "at+jwt", **more: Any) -> dict[str, Any]:
    return jwt.verify(token, keys, algs=more.pop("algs", ALLOWED), typ=typ, **more)


def refused(token: str, **more: Any) -> str:
    with pytest.raises(jwt.InvalidToken) as error:
        verify(token, **more)
    return error.value.reason


# What is right


@pytest.mark.parametrize("alg", jwk.SIGNING_ALGS)
def test_what_we_sign_we_verify(alg: str) -> None:
    assert verify(jwt.sign(SIGNING[alg], CLAIMS, "at+jwt"), algs=frozenset({alg})) == CLAIMS


@pytest.mark.parametrize("alg", jwk.SIGNING_ALGS)
@pytest.mark.filterwarnings("ignore")
def test_an_independent_implementation_accepts_what_we_sign(alg: str) -> None:
    key = reference_jwk.import_key({**SIGNING[alg].public_jwk})
    decoded = reference_jwt.decode(jwt.sign(SIGNING[alg], CLAIMS, "at+jwt"), key, algorithms=[alg])
    assert decoded.claims == CLAIMS
    assert decoded.header == {"alg": alg, "kid": f"key-{alg}", "typ": "at+jwt"}


@pytest.mark.parametrize("alg", jwk.SIGNING_ALGS)
@pytest.mark.filterwarnings("ignore")
def test_we_accept_what_an_independent_implementation_signs(alg: str) -> None:
    private = reference_jwk.import_key(PEM[alg], SIGNING[alg].public_jwk["kty"])
    token = reference_jwt.encode({"alg": alg, "kid": f"key-{alg}", "typ": "at+jwt"}, CLAIMS, private, algorithms=[alg])
    assert verify(token, algs=frozenset({alg})) == CLAIMS


def test_es256_signatures_always_have_64_bytes() -> None:
    assert {len(ES.sign(b"%d" % n)) for n in range(600)} == {64}  # every 128th would be shorter unpadded


@pytest.mark.parametrize("alg", ["ES384", "ES512"])
@pytest.mark.filterwarnings("ignore")
def test_clients_may_use_the_larger_curves(alg: str) -> None:
    private = reference_jwk.ECKey.generate_key({"ES384": "P-384", "ES512": "P-521"}[alg])
    token = reference_jwt.encode({"alg": alg, "kid": "k"}, CLAIMS, private, algorithms=[alg])
    key = jwk.load_public({**private.as_dict(private=False), "kid": "k"})
    assert verify(token, {"k": key}, typ=None, algs=frozenset({alg})) == CLAIMS


@given(
    st.dictionaries(
        st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        st.integers(-(2**60), 2**60) | st.booleans() | st.none(),
    )
)
def test_claims_come_back_as_they_were(claims: dict[str, Any]) -> None:
    assert verify(jwt.sign(ES, claims, "at+jwt")) == claims


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"])
def test_typ_is_compared_without_case_and_prefix(typ: str) -> None:
    assert verify(forge({**HEADER, "typ": typ})) == CLAIMS


@pytest.mark.parametrize(
    "header", [{"alg": "ES256", "kid": ES.kid}, {**HEADER, "typ": "JWT"}, {**HEADER, "typ": "jwt"}]
)
def test_where_no_typ_is_asked_for_only_jwt_or_none_will_do(header: dict[str, str]) -> None:
    assert verify(forge(header), typ=None) == CLAIMS
    assert refused(forge(header)) == "wrong typ"


# 9.1.1: signature before content


@rows("position", range(0, len(TOKEN), 5))
def test_one_changed_character_is_refused(position: int) -> None:
    other = "A" if TOKEN[position] != "A" else "B"
    refused(TOKEN[:position] + other + TOKEN[position + 1 :])


@pytest.mark.parametrize("segment", [0, 1, 2])
@pytest.mark.parametrize("alg", jwk.SIGNING_ALGS)
def test_one_flipped_bit_in_each_segment_is_refused(segment: int, alg: str) -> None:
    parts = jwt.sign(SIGNING[alg], CLAIMS, "at+jwt").split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[segment] + "=="))
    raw[len(raw) // 2] ^= 1
    parts[segment] = b64(bytes(raw))
    refused(".".join(parts), algs=frozenset({alg}))


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\xff" * 64, b"\0" * 63, b"\0" * 65, b"\0" * 10_000])
def test_a_made_up_signature_is_refused(signature: bytes) -> None:
    refused(forge(HEADER, sign=lambda _: signature))
    for alg in ("RS256", "PS256", "EdDSA"):
        forged = forge({**HEADER, "alg": alg, "kid": f"key-{alg}"}, sign=lambda _: signature)
        assert refused(forged, algs=jwt.VERIFY_ALGS)


def test_a_der_signature_is_no_jws_signature() -> None:
    private = serialization.load_pem_private_key(PEM["ES256"], None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    from cryptography.hazmat.primitives.hashes import SHA256

    assert refused(forge(HEADER, sign=lambda data: private.sign(data, ec.ECDSA(SHA256())))) == "bad signature"


# 9.1.2, C5: algorithms


@pytest.mark.parametrize(
    "alg",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "HS512",
        "RS256",
        "PS256",
        "EdDSA",
        "ES384",
        "RSA1_5",
        "es256",
        "ES256 ",
        "ES256K",
        None,
        1,
        True,
        ["ES256"],
        {"alg": "ES256"},
    ],
)
def test_an_algorithm_outside_the_list_of_the_context_is_refused(alg: Any) -> None:
    assert refused(forge({**HEADER, "alg": alg})) == "algorithm not allowed here"
    assert refused(forge({**HEADER, "alg": alg}, sign=lambda _: b"")) == "algorithm not allowed here"


@pytest.mark.parametrize("alg", ["none", "HS256"])
def test_not_even_a_careless_caller_can_allow_none_or_hmac(alg: str) -> None:
    assert refused(forge({**HEADER, "alg": alg}, sign=lambda _: b""), algs=frozenset({alg, "ES256"}))


def public_spellings() -> list[bytes]:
    private = serialization.load_pem_private_key(PEM["RS256"], None)
    assert isinstance(private, rsa.RSAPrivateKey)
    public = private.public_key()
    encodings = [
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
        json.dumps(SIGNING["RS256"].public_jwk).encode(),
        SIGNING["RS256"].public_jwk["n"].encode(),
    ]
    return [b"", *encodings, *(text.strip() for text in encodings)]


@pytest.mark.parametrize("secret", public_spellings())
@pytest.mark.parametrize("alg", ["HS256", "RS256"])
def test_a_public_key_never_serves_as_an_hmac_key(secret: bytes, alg: str) -> None:
    header = {**HEADER, "alg": alg, "kid": "key-RS256"}
    forged = forge(header, sign=lambda data: hmac.new(secret, data, hashlib.sha256).digest())
    refused(forged, algs=frozenset({"RS256", "ES256", "HS256"}))


@pytest.mark.parametrize(
    ("alg", "kid"), [("RS256", "key-ES256"), ("ES256", "key-RS256"), ("PS256", "key-RS256"), ("EdDSA", "key-ES256")]
)
def test_a_key_verifies_its_own_algorithm_alone(alg: str, kid: str) -> None:
    forged = forge({**HEADER, "alg": alg, "kid": kid}, sign=SIGNING[alg].sign)
    assert refused(forged, algs=jwt.VERIFY_ALGS) == "no key fits"


# C4: keys


@pytest.mark.parametrize(
    "kid", [None, "", "unknown", "../../etc/passwd", "key-ES256\0", "' OR 1=1", 7, True, ["key-ES256"], {}, "x" * 600]
)
def test_a_kid_is_a_name_in_the_given_set_and_nothing_else(kid: Any) -> None:
    assert refused(forge({**HEADER, "kid": kid})) in ("no kid", "no key fits", "header is not strict JSON")


@rows("name", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "epk", "p2s", "p2c", "iv", "tag"])
@rows("value", [None, "", "https://canary.test/", [], ["exp"], {}, True, False])
def test_a_header_that_brings_keys_or_changes_the_reading_is_refused(name: str, value: Any) -> None:
    assert refused(forge({**HEADER, name: value})) == "header parameter not allowed"


def test_the_sender_cannot_bring_his_own_key() -> None:
    mallory = jwk.load_private("m", "ES256", jwk.generate_private("ES256"))
    assert refused(forge({**HEADER, "jwk": mallory.public_jwk}, sign=mallory.sign))
    assert refused(forge(HEADER, sign=mallory.sign)) == "bad signature"


def test_decoys_with_the_same_kid_do_not_hide_the_right_key() -> None:
    decoy = jwk.load_public({**SIGNING["RS256"].public_jwk, "kid": ES.kid})
    other = jwk.load_public({**jwk.load_private("o", "ES256", jwk.generate_private("ES256")).public_jwk, "kid": ES.kid})
    assert verify(TOKEN, [decoy, other, VERIFY[ES.kid]]) == CLAIMS
    assert refused(TOKEN, keys=[decoy, other]) == "bad signature"
    assert refused(TOKEN, keys=[other] * 5) == "no key fits"


def test_without_kid_exactly_one_key_must_fit_and_only_where_allowed() -> None:
    token = forge({"alg": "ES256", "typ": "at+jwt"})
    other = jwk.load_public(jwk.load_private("o", "ES256", jwk.generate_private("ES256")).public_jwk)
    assert verify(token, require_kid=False) == CLAIMS
    assert refused(token) == "no kid"
    assert refused(token, keys={**VERIFY, "o": other}, require_kid=False) == "no key fits"
    assert refused(token, keys=[], require_kid=False) == "no key fits"


# 9.2.2: typ


@pytest.mark.parametrize(
    "typ",
    [
        None,
        "",
        "JWT",
        "logout+jwt",
        "dpop+jwt",
        "at+jwt ",
        "at+jwt\n",
        "application/application/at+jwt",
        1,
        ["at+jwt"],
        {},
    ],
)
def test_a_token_of_another_kind_is_refused(typ: Any) -> None:
    assert refused(forge({**HEADER, "typ": typ})) == "wrong typ"


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "", None])
def test_a_special_token_never_passes_as_a_plain_jwt(typ: str) -> None:
    assert refused(forge({**HEADER, "typ": typ}), typ=None) == "wrong typ"


# C6, T7: structure

DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000
WIDE = b"[" * 7000 + b"]" * 7000
SEVENTEEN = b'{"a":' + b"[" * 16 + b"]" * 16 + b"}"
PAYLOADS = [
    b"",
    b"null",
    b"1",
    b'"x"',
    b"[]",
    b"true",
    b"{",
    b"{}x",
    b"{} {}",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\0}\0",
    b'{"a":\xff}',
    b'{"a":1,"a":2}',
    b'{"sub":"a","\\u0073ub":"b"}',
    b'{"x":{"a":1,"a":1}}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1e999}',
    b'{"a":-1e999}',
    b'{"a":' + b"9" * 5000 + b"}",
    b'{"sub":"\\ud800"}',
    b'{"\\udfff":1}',
    b'{"sub":"a\\u0000b"}',
    b'{"\\u0000":1}',
    b'{"a":"\0"}',
    b"{'a':1}",
    b'{"a":01}',
    b'{"a":1,}',
    SEVENTEEN,
    DEEP[:11_000],
    WIDE[:11_000],
    b'{"a":"' + b"[" * 100 + b'","b":' + b"[" * 20 + b"]" * 20 + b"}",
    b'{"a":"\\"' + b'","b":' + b'{"c":' * 20 + b"1" + b"}" * 21,
]


@rows("payload", PAYLOADS)
def test_a_payload_that_is_not_a_plain_object_in_strict_json_is_refused(payload: bytes) -> None:
    refused(forge(HEADER, payload))
    refused(forge(payload))
    with pytest.raises(jwt.InvalidToken):
        jwt.peek_claims(forge(HEADER, payload))


def test_sixteen_levels_and_brackets_in_text_are_fine() -> None:
    payload = {"text": "[{" * 500 + '"\\' + "]" * 3}
    assert verify(forge(HEADER, payload)) == payload
    assert verify(forge(HEADER, b'{"a":' + b"[" * 15 + b"]" * 15 + b"}"))
    many = {"list": [{} for _ in range(100)]}
    assert verify(forge(HEADER, many)) == many
    assert verify(forge(HEADER, b'{"name":"\\u00e9 \\ud83d\\ude00"}')) == {"name": "é 😀"}


HEAD, BODY, SIGNATURE = TOKEN.split(".")


@rows(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        HEAD,
        f"{HEAD}.{BODY}",
        f"{TOKEN}.",
        f".{TOKEN}",
        f"{TOKEN}.x.y",
        f"{HEAD}..{SIGNATURE}",
        f"{HEAD}.{BODY}.",
        f".{BODY}.{SIGNATURE}",
        f" {TOKEN}",
        f"{TOKEN} ",
        f"{TOKEN}\n",
        f"{TOKEN}\0",
        f"{TOKEN}=",
        f"{HEAD}=.{BODY}.{SIGNATURE}",
        f"{HEAD}.{BODY}=.{SIGNATURE}",
        f"{HEAD}\n.{BODY}.{SIGNATURE}",
        f"{HEAD}.{BODY[:4]} {BODY[4:]}.{SIGNATURE}",
        f"Bearer {TOKEN}",
        f"{TOKEN}é",
        f"{TOKEN}\ud800",
        TOKEN.replace("-", "+").replace("_", "/") + "/",
        json.dumps({"payload": BODY, "signature": SIGNATURE}),
        f"{HEAD}.{BODY}.{SIGNATURE}" + "A" * 20_000,
        "A" * 10_000_000,
        "." * 16_000,
        "eyJ." * 4000,
        TOKEN + "A",
        TOKEN[:-2],
        f"{b64(b' ' * 5000)}.{BODY}.{SIGNATURE}",
    ],
)
def test_text_that_is_not_one_compact_jws_is_refused(text: str) -> None:
    start = time.perf_counter()
    refused(text)
    with pytest.raises(jwt.InvalidToken):
        if jwt.peek_claims(text) == CLAIMS:  # a cut or extended signature is no matter of structure
            raise jwt.InvalidToken("structure was fine")
    assert time.perf_counter() - start < 0.05


def test_a_signature_has_one_spelling() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [TOKEN[:-1] + c for c in alphabet if c != TOKEN[-1]]
    assert all(refused(other) for other in others)


@given(st.text(alphabet=st.characters(codec=None)), st.sampled_from([None, "at+jwt", "JWT"]))
def test_no_text_raises_anything_but_invalid_token(text: str, typ: str | None) -> None:
    refused(text, typ=typ)
    refused(f"{HEAD}.{text}.{SIGNATURE}", typ=typ) if text != BODY else None
    jwt.looks_like_jwt(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
header_names = st.sampled_from(["alg", "kid", "typ", "cty", "crit", "jwk", "x"])


@given(st.dictionaries(header_names, json_values) | json_values, json_values, st.booleans())
def test_no_signed_json_raises_anything_but_invalid_token(header: Any, payload: Any, real: bool) -> None:
    if real and isinstance(header, dict):
        header = {**header, **HEADER}
    with contextlib.suppress(jwt.InvalidToken):
        verify(forge(header, payload))


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=80))
def test_no_bytes_in_the_segments_raise_anything_but_invalid_token(head: bytes, body: bytes, signature: bytes) -> None:
    refused(f"{b64(head)}.{b64(body)}.{b64(signature)}")
    refused(f"{HEAD}.{b64(body)}.{b64(signature)}")


# Hashes


@pytest.mark.parametrize(
    ("alg", "name"),
    [
        ("ES256", "sha256"),
        ("RS256", "sha256"),
        ("PS256", "sha256"),
        ("ES384", "sha384"),
        ("ES512", "sha512"),
        ("EdDSA", "sha512"),
    ],
)
def test_at_hash_is_the_left_half_of_the_hash_of_the_algorithm(alg: str, name: str) -> None:
    digest = hashlib.new(name, b"kaie_at_x").digest()
    assert jwt.at_hash("kaie_at_x", alg) == b64(digest[: len(digest) // 2])


# 9.2.1, C30: times

NOW = 1_800_000_000


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW + 1},
        {"exp": NOW - 59},
        {"exp": NOW + 60.5},
        {"exp": NOW + 9, "nbf": NOW + 60, "iat": NOW + 60},
        {"exp": NOW + 9, "iat": 0},
    ],
)
def test_times_within_the_leeway_are_accepted(claims: dict[str, Any]) -> None:
    jwt.check_times(claims, NOW)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"exp": NOW - 60},
        {"exp": NOW - 61},
        {"exp": 0},
        {"exp": NOW + 9, "nbf": NOW + 61},
        {"exp": NOW + 9, "iat": NOW + 61},
    ],
)
def test_times_outside_the_leeway_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(jwt.InvalidToken):
        jwt.check_times(claims, NOW)


@rows("name", ["exp", "nbf", "iat"])
@rows(
    "value",
    [
        None,
        True,
        False,
        "",
        "1800000001",
        [],
        {},
        -1,
        -1e300,
        float("inf"),
        float("-inf"),
        float("nan"),
        1e300,
        10**4000,
        -(10**4000),
        2**63,
        253_402_300_800,
    ],
)
def test_a_number_that_is_no_time_is_refused(name: str, value: Any) -> None:
    with pytest.raises(jwt.InvalidToken, match="not a time"):
        jwt.check_times({"exp": NOW + 9, name: value}, NOW)


def test_without_leeway_a_token_ends_with_its_second() -> None:
    jwt.check_times({"exp": NOW + 1}, NOW, leeway=0)
    with pytest.raises(jwt.InvalidToken, match="expired"):
        jwt.check_times({"exp": NOW}, NOW, leeway=0)


def test_exp_may_be_missing_only_where_the_caller_says_so() -> None:
    jwt.check_times({}, NOW, require_exp=False)
    with pytest.raises(jwt.InvalidToken, match="no exp"):
        jwt.check_times({}, NOW, require_exp=False, max_lifetime=300)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW + 300}, {"exp": NOW + 360}, {"exp": NOW + 330, "iat": NOW + 30},
        {"exp": NOW + 300, "iat": NOW - 60}, {"exp": NOW + 1, "iat": NOW - 10**6},
    ],
)  # fmt: skip
def test_a_lifetime_within_the_limit_is_accepted_from_a_clock_ahead(claims: dict[str, int]) -> None:
    jwt.check_times(claims, NOW, max_lifetime=300)


@pytest.mark.parametrize(
    "claims",
    [{"exp": NOW + 361}, {"exp": NOW + 361, "iat": NOW + 60}, {"exp": NOW + 10**9}],
)
def test_a_lifetime_over_the_limit_is_refused(claims: dict[str, int]) -> None:
    with pytest.raises(jwt.InvalidToken, match="lives too long"):
        jwt.check_times(claims, NOW, max_lifetime=300)


# Looks


def test_a_jwt_is_told_from_other_credentials_by_its_form() -> None:
    assert jwt.looks_like_jwt(TOKEN)
    assert jwt.looks_like_jwt("eyJ..")
    for other in ("", "kaie_at_x", "eyJ.x", f"{TOKEN}.x", f"{TOKEN}\n", f"Bearer {TOKEN}", "eyJa.b.c.d.e"):
        assert not jwt.looks_like_jwt(other)


def test_peeking_reads_without_believing() -> None:
    forged = forge({**HEADER, "alg": "ES256"}, {"iss": "c_mallory"}, sign=lambda _: b"x")
    assert jwt.peek_header(forged)["kid"] == ES.kid
    assert jwt.peek_claims(forged) == {"iss": "c_mallory"}


def test_an_unsigned_jwt_is_read_where_that_is_asked_for_by_name() -> None:
    assert jwt.read_unsigned("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.") == {"a": 1}


@pytest.mark.parametrize(
    "token",
    [
        "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.AAAA",  # with a signature
        "eyJhbGciOiJOb25lIn0.eyJhIjoxfQ.",  # None
        "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.",  # HS256
        "e30.eyJhIjoxfQ.",  # no alg
        "eyJhbGciOiJub25lIiwiY3JpdCI6WyJ4Il19.eyJhIjoxfQ.",  # crit
        "eyJhbGciOiJub25lIn0.W10.",  # no object
        "eyJhbGciOiJub25lIn0..",
        "eyJhbGciOiJub25lIn0.eyJhIjoxfQ",
        "",
    ],
)
def test_nothing_else_is_an_unsigned_jwt(token: str) -> None:
    with pytest.raises(jwt.InvalidToken):
        jwt.read_unsigned(token)
