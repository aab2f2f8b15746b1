"""Forged, mangled and confused credentials: all of them are garbage (security.md C4–C7, C10, 9.1.1–9.2.2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt as jose
from joserfc.jwk import ECKey

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.signing import keys as signing_keys
from tests.support.standing import Standing
from tests.support.tables import rows
from tests.support.third_party import App

INACTIVE = {"active": False}


@pytest.fixture(scope="module")
def auditor(server: Standing) -> App:
    """Trusted to introspect everything, so that INACT means garbage."""
    return server.register("Auditor", kind="machine", scopes=("workflows:read",), introspect_all=True)


@pytest.fixture(scope="module")
def tokens(server: Standing) -> dict[str, Any]:
    """Everything that a whole flow gives."""
    app = server.register("Source")
    return app.tokens(server.browser("alice@example.test"), scope="openid email profile workflows:read")


def b64(data: bytes | dict[str, Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, payload, signature = token.split(".")

    def read(text: str) -> dict[str, Any]:
        return dict(json.loads(base64.urlsafe_b64decode(text + "==")))

    return read(header), read(payload), signature


def hmac_signed(header: dict[str, Any], payload: dict[str, Any], key: bytes) -> str:
    message = f"{b64(header)}.{b64(payload)}"
    digest = hmac.new(key, message.encode(), hashlib.sha256).digest()
    return f"{message}.{b64(digest)}"


def own_signed(header: dict[str, Any], payload: dict[str, Any]) -> str:
    """Signed well, with a key that is not ours."""
    return jose.encode(header, payload, ECKey.generate_key("P-256"), algorithms=["ES256"])


def public_jwk() -> dict[str, Any]:
    document = json.loads(signing_keys.jwks().body)
    return next(key for key in document["keys"] if key["kty"] == "EC")


def public_pem(jwk: dict[str, Any]) -> bytes:
    def number(text: str) -> int:
        return int.from_bytes(base64.urlsafe_b64decode(text + "=="), "big")

    key = ec.EllipticCurvePublicNumbers(number(jwk["x"]), number(jwk["y"]), ec.SECP256R1()).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


Forge = Callable[[str], str]


def flipped(segment: int) -> Forge:
    def forge(token: str) -> str:
        pieces = token.split(".")
        raw = bytearray(base64.urlsafe_b64decode(pieces[segment] + "=="))
        raw[len(raw) // 2] ^= 1
        pieces[segment] = b64(bytes(raw))
        return ".".join(pieces)

    return forge


def with_header(**members: Any) -> Forge:
    def forge(token: str) -> str:
        header, _, signature = parts(token)
        kept = {name: value for name, value in (header | members).items() if value is not None}
        return f"{b64(kept)}.{token.split('.')[1]}.{signature}"

    return forge


def unsigned(alg: str) -> Forge:
    return lambda token: f"{b64(parts(token)[0] | {'alg': alg})}.{token.split('.')[1]}."


def with_hmac(material: Callable[[dict[str, Any]], bytes]) -> Forge:
    return lambda token: hmac_signed(parts(token)[0] | {"alg": "HS256"}, parts(token)[1], material(public_jwk()))


def with_own_key(**members: Any) -> Forge:
    return lambda token: own_signed(parts(token)[0] | members, parts(token)[1])


def embedded(token: str) -> str:
    key = ECKey.generate_key("P-256")
    header = {"alg": "ES256", "typ": "at+jwt", "jwk": key.as_dict(private=False)}
    return jose.encode(header, parts(token)[1], key, algorithms=["ES256"])


def raw_header(data: bytes) -> Forge:
    return lambda token: f"{b64(data)}.{token.split('.', 1)[1]}"


def deep(token: str) -> str:
    return f"{b64(b'[' * 20_000)}.{token.split('.')[1]}.x"


def deep_payload(token: str) -> str:
    nested = b'{"a":' * 5_000 + b"1" + b"}" * 5_000
    return f"{token.split('.')[0]}.{b64(nested)}.{parts(token)[2]}"


FORGERIES: dict[str, Forge] = {
    "a flipped bit in the header": flipped(0),
    "a flipped bit in the payload": flipped(1),
    "a flipped bit in the signature": flipped(2),
    "no signature": lambda token: token.rsplit(".", 1)[0] + ".",
    "no third part": lambda token: token.rsplit(".", 1)[0],
    "a fourth part": lambda token: token + ".x",
    "five parts": lambda token: token + ".x.y",
    "padding": lambda token: token + "=",
    "a space before": lambda token: " " + token,
    "a line break after": lambda token: token + "\n",
    "another case": lambda token: token.swapcase(),
    "half of it": lambda token: token[: len(token) // 2],
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg NONE": unsigned("NONE"),
    "alg nOnE with the signature": with_header(alg="nOnE"),
    "alg missing": with_header(alg=None),
    "alg a number": with_header(alg=5),
    "alg a list": with_header(alg=["ES256"]),
    "alg RS256 for an EC key": with_header(alg="RS256"),
    "alg ES384": with_header(alg="ES384"),
    "alg es256": with_header(alg="es256"),
    "HS256 with the public PEM": with_hmac(public_pem),
    "HS256 with the public PEM without its last line break": with_hmac(lambda jwk: public_pem(jwk).rstrip()),
    "HS256 with the JWK": with_hmac(lambda jwk: json.dumps(jwk).encode()),
    "HS256 with x": with_hmac(lambda jwk: base64.urlsafe_b64decode(jwk["x"] + "==")),
    "HS256 with an empty key": with_hmac(lambda _jwk: b""),
    "HS256 with the kid": with_hmac(lambda jwk: str(jwk["kid"]).encode()),
    "another key under our kid": with_own_key(),
    "another key under no kid": with_own_key(kid="unknown"),
    "a kid of a path": with_own_key(kid="../../../../dev/null"),
    "a kid of SQL": with_own_key(kid="' OR '1'='1"),
    "a kid of an URL": with_own_key(kid="http://169.254.169.254/"),
    "a kid of a NUL": with_own_key(kid="a\x00b"),
    "a kid of a number": with_header(kid=1),
    "a kid of an object": with_header(kid={"a": 1}),
    "a very long kid": with_own_key(kid="k" * 5000),
    "a key of its own in the header": embedded,
    "jku": with_own_key(jku="http://127.0.0.1:9/keys"),
    "x5u": with_own_key(x5u="http://127.0.0.1:9/cert"),
    "crit": with_header(crit=["exp"]),
    "b64 false": with_header(b64=False, crit=["b64"]),
    "zip": with_header(zip="DEF"),
    "typ JWT": with_header(typ="JWT"),
    "a header of nested arrays": deep,
    "a payload of nested objects": deep_payload,
    "two hundred kilobytes": lambda token: token + "A" * 40_000,
    "JSON serialisation": lambda token: json.dumps(
        dict(zip(("protected", "payload", "signature"), token.split("."), strict=True))
    ),
    "a header that is a list": raw_header(b"[]"),
    "a header that is no JSON": raw_header(b"{"),
    "a header with a member twice": raw_header(b'{"alg":"none","alg":"ES256"}'),
    "a header with NaN": raw_header(b'{"alg":NaN}'),
    "a header with a huge number": raw_header(b'{"alg":' + b"9" * 5000 + b"}"),
    "a header that is no UTF-8": raw_header(b"\xff\xfe"),
}


@rows("what", FORGERIES)
def test_a_forged_access_token_is_garbage_everywhere(
    server: Standing, auditor: App, tokens: dict[str, Any], what: str
) -> None:
    forged = FORGERIES[what](tokens["access_token"])
    started = time.monotonic()
    assert auditor.introspect(forged) == INACTIVE
    assert auditor.revoke(forged).status == 200
    if forged.isprintable() and not forged.startswith(" "):
        answer = auditor.userinfo(forged)
        assert answer.status in (400, 401, 431), (answer.status, answer.text)
        assert answer.header("WWW-Authenticate").startswith("Bearer")
    assert time.monotonic() - started < 1
    # Nothing of it touched the true one.
    assert auditor.introspect(tokens["access_token"])["active"] is True


GARBAGE = ("", " ", ".", "..", "...", "null", "\x00", "é" * 100, "kaie_at_", "kaie_rt_" + "0" * 36, "kaie_ak_x",
           "ey.ey.ey", "%00", "' OR 1=1 --", "-1", "9" * 400, "A" * 60_000)  # fmt: skip


@rows("number", range(len(GARBAGE)))
def test_garbage_is_inactive_or_a_missing_parameter(auditor: App, number: int) -> None:
    answer = auditor.post("/oauth/introspect", {"token": GARBAGE[number]})
    assert answer.status in (200, 400), (answer.status, answer.text)
    if answer.status == 200:
        assert answer.body == b'{"active": false}' or answer.json == INACTIVE
    else:
        assert answer.json["error"] == "invalid_request"
    assert auditor.revoke(GARBAGE[number]).status in (200, 400)
    assert auditor.refresh(GARBAGE[number]).json["error"] in ("invalid_grant", "invalid_request", "unauthorized_client")


def test_every_kind_of_credential_is_refused_where_another_belongs(
    server: Standing, client: App, tokens: dict[str, Any], auditor: App
) -> None:
    """The cross matrix of C10: each value at every input that wants another kind."""
    app = server.register("Matrix")
    code, asked = app.code(server.browser("alice@example.test"))
    kept = app.tokens(server.browser("alice@example.test"))
    opaque_app = server.register("Opaque", access_token_format="opaque")
    opaque = opaque_app.tokens(server.browser("alice@example.test"))["access_token"]
    wish = api_keys.Wish(name="Matrix", permission="read_only", expires_in=3600)
    _row, api_key = api_keys.create(server.person("alice@example.test"), wish)
    values = {
        "code": code,
        "access_token": kept["access_token"],
        "refresh_token": kept["refresh_token"],
        "id_token": kept["id_token"],
        "opaque": opaque,
        "api_key": api_key,
        "client_secret": app.client_secret,
        "client_id": app.client_id,
    }
    for name, value in values.items():
        if name != "code":
            assert app.redeem(value, asked.verifier).error == (400, "invalid_grant"), name
        if name != "refresh_token":
            assert app.refresh(value).error == (400, "invalid_grant"), name
        if name not in ("access_token", "opaque"):
            assert app.userinfo(value).status == 401, name
        if name not in ("access_token", "refresh_token", "opaque", "api_key"):
            assert auditor.introspect(value) == INACTIVE, name
        basic = "Basic " + base64.b64encode(f"{app.client_id}:{value}".encode()).decode()
        if name != "client_secret":
            got = app.post("/oauth/token", {"grant_type": "client_credentials"}, Authorization=basic)
            assert got.error == (401, "invalid_client"), name
    for cookie in values.values():
        browser = server.browser()
        answer = browser.get("/", Cookie=f"authserver_session={cookie}")
        assert answer.status == 303, "a credential is no session"
    # None of it used anything up.
    assert app.redeem(code, asked.verifier).status == 200


MANGLED: dict[str, Forge] = {
    "cut": lambda value: value[:-1],
    "extended": lambda value: value + "0",
    "another case": lambda value: value.swapcase(),
    "one character changed": lambda value: value[:-3] + ("A" if value[-3] != "A" else "B") + value[-2:],
    "padded": lambda value: value + "=",
    "a space around": lambda value: f" {value} ",
    "a NUL after": lambda value: value + "\x00",
    "another brand": lambda value: "other" + value[value.index("_") :],
    "another kind": lambda value: value.replace("_rt_", "_at_"),
}


@pytest.mark.parametrize("what", MANGLED)
def test_a_mangled_refresh_token_is_unknown_and_harms_no_family(
    server: Standing, tokens: dict[str, Any], what: str
) -> None:
    app = server.register("Mangled")
    kept = app.tokens(server.browser("alice@example.test"))
    answer = app.refresh(MANGLED[what](kept["refresh_token"]))
    assert answer.json["error"] in ("invalid_grant", "invalid_request"), answer.text
    assert answer.status == 400
    assert app.refresh(kept["refresh_token"]).status == 200


def test_the_answer_to_strangers_has_the_bytes_of_garbage(server: Standing, tokens: dict[str, Any]) -> None:
    mallory = server.register("Evil", kind="machine", scopes=("workflows:read",))
    garbage = mallory.post("/oauth/introspect", {"token": "garbage"})
    for name in ("access_token", "refresh_token", "id_token"):
        for hint in (None, "access_token", "refresh_token", "bogus"):
            stranger = mallory.post("/oauth/introspect", {"token": tokens[name], "token_type_hint": hint})
            assert stranger.body == garbage.body and stranger.status == garbage.status, name
