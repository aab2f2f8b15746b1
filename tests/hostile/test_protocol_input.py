"""Hostile bodies, headers and methods at the machine endpoints: each a clean refusal (security.md T5–T9, C28, C29)."""

from __future__ import annotations

import base64
import json

import pytest

from authserver import oauth
from authserver.oauth.features import FEATURES
from tests.hostile import refusals
from tests.support.browsing import Answer
from tests.support.standing import Standing
from tests.support.tables import rows
from tests.support.third_party import FORM, App

ENDPOINTS = {
    "/oauth/token": b"grant_type=client_credentials",
    "/oauth/introspect": b"token=abc",
    "/oauth/revoke": b"token=abc",
    "/oauth/device_authorization": b"scope=openid",
}
ELSEWHERE = {
    "/oauth/userinfo": "tests/oauth/test_bearer_tokens.py, for it takes a token in a form alone",
    "/oauth/register": "tests/oauth/endpoints/test_registration.py, for it takes JSON",
}
NAMES = (
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/.well-known/jwks.json",
    "/.well-known/oauth-protected-resource/v1",
)


def ask(client: App, path: str, body: bytes, method: str = "POST", **headers: str) -> Answer:
    given = {"Content-Type": FORM, **client.basic, **headers}
    return client.send(method, path, body, **given)


def encoded(user: bytes) -> str:
    return "Basic " + base64.b64encode(user).decode()


BODIES: dict[str, bytes] = {
    "a parameter twice": b"&scope=a&scope=b",
    "the same value twice": b"&x=1&x=1",
    "the subject twice": b"&grant_type=client_credentials&token=abc&scope=openid",
    "a NUL": b"&scope=a%00b",
    "a raw NUL": b"&scope=a\x00b",
    "an unpaired surrogate": b"&scope=%ed%a0%80",
    "bytes that are no UTF-8": b"&scope=%ff%fe",
    "raw bytes that are no UTF-8": b"&scope=\xff\xfe",
    "an overlong encoding": b"&scope=%c0%80",
    "a broken escape": b"&scope=%zz",
}


def test_whatever_takes_a_form_has_its_hostile_input_here_or_in_a_table_of_its_own() -> None:
    known = {**oauth.ENDPOINTS, **{path: each for one in FEATURES for path, each in one.endpoints.items()}}
    assert {path for path, each in known.items() if "POST" in each.methods} == ENDPOINTS.keys() | ELSEWHERE.keys()


@rows("path", ENDPOINTS)
@rows("what", BODIES)
def test_a_malformed_body_is_invalid_request(client: App, path: str, what: str) -> None:
    answer = ask(client, path, ENDPOINTS[path] + BODIES[what])
    assert answer.error == (400, "invalid_request"), answer.text
    refusals.check(answer)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_parameters_in_the_query_are_refused_whatever_they_are(client: App, path: str) -> None:
    for query in ("scope=a", "client_secret=x", "access_token=x", "unknown=1", "token=abc", "%00", "&"):
        answer = ask(client, f"{path}?{query}", ENDPOINTS[path])
        assert answer.error == (400, "invalid_request"), (query, answer.text)
        refusals.check(answer)


AUTHORIZATIONS: dict[str, tuple[str, tuple[int, ...]]] = {
    "no UTF-8": (encoded(b"\xff\xfe:\xff"), (401,)),
    "a NUL": (encoded(b"app%00:x"), (401,)),
    "a raw NUL": (encoded(b"app\x00:x"), (401,)),
    "no colon": (encoded(b"app"), (401,)),
    "nothing": ("Basic ", (401,)),
    "no base64": ("Basic !!!", (401,)),
    "junk inside base64": ("Basic YXB*wOng=", (401,)),
    "a secret of non-ASCII letters": (encoded("app:žluťoučký".encode()), (401,)),
    "a broken escape": (encoded(b"app%zz:x"), (401,)),
    "a very long secret": (encoded(b"app:" + b"x" * 20_000), (401, 431)),
    "a very long name": (encoded(b"a" * 20_000 + b":x"), (401, 431)),
    "another scheme": ("Digest username=app", (401,)),
    "Negotiate": ("Negotiate YII", (401,)),
    "an empty name": (encoded(b":x"), (401,)),
}


@rows("path", ENDPOINTS)
@rows("what", AUTHORIZATIONS)
def test_a_malformed_authorization_is_invalid_client(client: App, path: str, what: str) -> None:
    header, statuses = AUTHORIZATIONS[what]
    answer = ask(client, path, ENDPOINTS[path], Authorization=header)
    assert answer.status in statuses, answer.text
    assert answer.json["error"] == "invalid_client"
    assert answer.header("WWW-Authenticate").lower().startswith("basic")
    refusals.check(answer)


def test_no_credentials_are_invalid_client_without_a_challenge_they_did_not_ask_for(client: App) -> None:
    for path, body in ENDPOINTS.items():
        answer = client.send("POST", path, body, Content_Type=FORM)
        assert answer.json["error"] == "invalid_client" and answer.status in (400, 401), answer.text
        refusals.check(answer)


TYPES = ("application/json", "text/plain", "multipart/form-data; boundary=x", "application/xml", "", "a/b/c;;;", "é")


@rows("path", ENDPOINTS)
@rows("content_type", TYPES)
def test_another_content_type_is_refused(client: App, path: str, content_type: str) -> None:
    answer = ask(client, path, ENDPOINTS[path], Content_Type=content_type.encode().decode("latin-1"))
    assert answer.status in (400, 415) and answer.json["error"] == "invalid_request", answer.text
    refusals.check(answer)


@pytest.mark.parametrize(
    "content_type", [FORM + ";charset=UTF-8", FORM + "; charset=ISO-8859-1", FORM + ";charset=utf8", FORM.upper()]
)
def test_the_right_content_type_may_be_written_in_every_usual_way(client: App, content_type: str) -> None:
    assert ask(client, "/oauth/token", ENDPOINTS["/oauth/token"], Content_Type=content_type).status == 200


@rows("path", ENDPOINTS)
@rows("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "OPTIONS", "CONNECT"])
def test_another_method_is_405_and_says_which_is_allowed(client: App, path: str, method: str) -> None:
    answer = client.send(method, path, b"", **client.basic)
    assert answer.status == 405, answer.text
    assert "POST" in answer.header("Allow")


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_header_cannot_change_the_method(client: App, override: str) -> None:
    answer = client.send("GET", "/oauth/token", b"", **{override: "POST"}, **client.basic)
    assert answer.status == 405


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_body_of_a_megabyte_is_refused_unread(client: App, path: str) -> None:
    answer = ask(client, path, ENDPOINTS[path] + b"&scope=" + b"x" * 1_000_000)
    assert answer.status in (400, 413), answer.status
    refusals.check(answer)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_thousand_parameters_are_refused(client: App, path: str) -> None:
    body = ENDPOINTS[path] + b"".join(b"&p%d=1" % number for number in range(1000))
    answer = ask(client, path, body)
    assert answer.status in (400, 413) or (path == "/oauth/revoke" and answer.status == 200), answer.status


UNKNOWN = (
    "/.well-known/",
    "/.well-known/unknown",
    "/.well-known/openid-configuration/",
    "/.well-known/openid-configuration/x",
    "/.well-known/oauth-authorization-server/x",
    "/.well-known/oauth-protected-resource/",
    "/.well-known/oauth-protected-resource/x",
    "/.well-known/oauth-protected-resource//v1",
    "/.well-known/oauth-protected-resource/v1/",
    "/.well-known/oauth-protected-resource/v1%2f..",
    "/.well-known/oauth-protected-resource.css",
    "/.well-known/../oauth/token",
    "/.well-known/jwks.json%00",
    "/.well-known/webfinger?resource=acct:a@b",
    "/.well-known/security.txt/x",
    "/oauth/token/",
    "/oauth/token/x",
    "/oauth//token",
    "/oauth/token.css",
    "/oauth/unknown",
)


@rows("path", UNKNOWN)
def test_an_unknown_path_is_a_clean_404(client: App, path: str) -> None:
    answer = client.send("GET", path)
    assert answer.status == 404, answer.status
    refusals.check_quiet(answer)


@rows("path", NAMES)
@rows("query", ["callback=alert", "x=%00", "a=1&a=2"])
def test_documents_are_the_same_whatever_the_query_says(client: App, path: str, query: str) -> None:
    assert client.send("GET", f"{path}?{query}").body == client.send("GET", path).body


@rows("path", NAMES)
@rows("method", ["POST", "PUT", "DELETE", "TRACE", "BREW"])
def test_documents_are_only_read(client: App, path: str, method: str) -> None:
    assert client.send(method, path).status == 405


@rows("path", NAMES)
@rows("host", ["evil.example", "auth.example.test.evil.example", "127.0.0.1:1", ""])
def test_no_header_of_a_request_reaches_a_document(client: App, path: str, host: str) -> None:
    headers = {"Host": host, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil"}
    answer = client.send("GET", path, **{name: value for name, value in headers.items() if value})
    assert answer.status == 200
    assert "evil" not in answer.text
    assert answer.text == client.send("GET", path).text


def test_metadata_holds_no_null_and_announces_nothing_that_is_missing(client: App, server: Standing) -> None:
    document = json.loads(client.send("GET", NAMES[1]).body)
    assert "null" not in json.dumps(document)
    for name, url in document.items():
        if name.endswith(("_endpoint", "_uri")):
            path = url.removeprefix(server.issuer)
            assert url.startswith(server.issuer) and client.send("GET", path).status != 404, name
    assert not {"implicit", "password"} & set(document["grant_types_supported"])
    assert document["response_types_supported"] == ["code"]
    assert document["code_challenge_methods_supported"] == ["S256"]
