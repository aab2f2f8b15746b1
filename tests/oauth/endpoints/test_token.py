"""POST /oauth/token: what is refused before any grant runs."""

from __future__ import annotations

import time
from typing import Any

import pytest

from authserver.edge.exchange import Incoming
from authserver.lib import clock
from authserver.models import ClientSecret
from authserver.oauth import request_rules
from authserver.oauth.errors import InvalidRequest
from tests.support import protocol
from tests.support.protocol import App, basic, send
from tests.support.tables import rows

CC = {"grant_type": "client_credentials"}


@pytest.mark.parametrize(
    "grant_type", ["password", "implicit", "urn:example:own", "client_credentials\u00e9", "__class__", "x" * 5000]
)
def test_other_grants_are_unsupported_for_everybody_and_not_echoed(web_app: App, grant_type: str) -> None:
    reply = send("/oauth/token", {"grant_type": grant_type}, web_app.basic)
    assert reply.error == (400, "unsupported_grant_type")
    assert grant_type not in reply.json["error_description"]


@rows(
    ("body", "content_type"),
    [
        (b"", protocol.FORM),
        (b"scope=a", protocol.FORM),
        (b"grant_type=", protocol.FORM),
        (b"grant_type=client_credentials&grant_type=client_credentials", protocol.FORM),
        (b"grant_type=client_credentials&scope=a&scope=b", protocol.FORM),
        (b"grant_type=client_credentials&x=%ff", protocol.FORM),
        (b"grant_type=client_credentials&x=%0", protocol.FORM),
        (b"grant_type=client_credentials&x=%00", protocol.FORM),
        (b'{"grant_type": "client_credentials"}', "application/json"),
        (b"grant_type=client_credentials", "text/plain"),
        (b"grant_type=client_credentials", "multipart/form-data; boundary=x"),
        (b"&".join(b"p%d=1" % number for number in range(200)), protocol.FORM),
    ],
)
def test_a_malformed_body_is_an_invalid_request(web_app: App, body: bytes, content_type: str) -> None:
    reply = send("/oauth/token", body, web_app.basic | {"content-type": content_type})
    assert reply.error == (400, "invalid_request")


def test_parameters_in_the_url_are_refused_even_if_the_body_is_right(web_app: App) -> None:
    """Trap T9: Authlib reads the query too, and lets it win."""
    for query in ("grant_type=client_credentials", "x=1", "client_secret=" + web_app.secret):
        assert send("/oauth/token", CC, web_app.basic, query=query).error == (400, "invalid_request")


@pytest.mark.parametrize("piece", [b"a=%41&", b"a=1&", b"&", b"client_id=%41&", b"client_id=a"], ids=repr)
def test_a_body_of_nonsense_costs_no_more_to_refuse_than_to_look_at(web_app: App, piece: bytes) -> None:
    """64 kB of it, from anybody: whose it may be is found without reading it as a form."""
    body = piece * (65_000 // len(piece))
    send("/oauth/token", body)
    spent = []
    for _ in range(5):
        started = time.process_time()
        assert send("/oauth/token", body).error == (400, "invalid_request")
        spent.append(time.process_time() - started)
    assert min(spent) < 0.015  # 75 ms once


@pytest.mark.parametrize(
    ("body", "whose"),
    [
        (b"grant_type=%zz&client_id=notes.1", "notes.1"),
        (b"client_id=notes.1&a=1&a=2", "notes.1"),
        (b"not_client_id=notes.1&a=%zz", ""),
        (b"client_id=" + b"n" * 65 + b"&a=%zz", ""),
        (b"client_id=a%20b&a=%zz", ""),
        (b"\xff&client_id=notes.1", "notes.1"),
    ],
)
def test_a_malformed_body_still_names_whose_it_may_be(body: bytes, whose: str) -> None:
    headers = {"content-type": protocol.FORM}
    with pytest.raises(InvalidRequest) as refused:
        request_rules.read(Incoming("POST", "/oauth/token", "", headers, body, "192.0.2.7"))
    assert refused.value.client_id == whose


def test_a_body_beyond_the_cap_is_refused(web_app: App) -> None:
    reply = send("/oauth/token", b"grant_type=client_credentials&x=" + b"y" * 70_000, web_app.basic)
    assert reply.status == 413


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "HEAD"])
def test_only_post_is_allowed(web_app: App, method: str) -> None:
    reply = send("/oauth/token", CC, web_app.basic, method=method)
    assert (reply.status, reply.header("allow")) == (405, "POST")


def test_success_and_refusal_are_never_stored(web_app: App) -> None:
    for headers in (web_app.basic, basic(web_app.id, "wrong")):
        reply = send("/oauth/token", CC, headers)
        assert reply.header("cache-control") == "no-store"
        assert reply.header("content-type") == "application/json"


def test_every_way_to_authenticate_that_a_client_has_works(web_app: App, spa: App) -> None:
    assert send("/oauth/token", CC, web_app.basic).status == 200
    assert send("/oauth/token", CC | web_app.post).status == 200
    assert send("/oauth/token", CC | {"client_id": web_app.id}, web_app.basic).status == 200
    # The public client is known, and refused for its grant alone.
    assert send("/oauth/token", CC | {"client_id": spa.id}).error == (400, "unauthorized_client")


@pytest.mark.parametrize(
    ("registered", "by_basic", "by_post", "by_nothing"),
    [
        (None, 200, 200, 400),
        ("client_secret_basic", 200, 400, 400),
        ("client_secret_post", 401, 200, 400),
        ("private_key_jwt", 401, 400, 400),
    ],
)
def test_a_client_that_chose_a_method_is_pinned_to_it(
    registered: str | None, by_basic: int, by_post: int, by_nothing: int
) -> None:
    app = protocol.register(token_endpoint_auth_method=registered)
    assert send("/oauth/token", CC, app.basic).status == by_basic
    assert send("/oauth/token", CC | app.post).status == by_post
    assert send("/oauth/token", CC | {"client_id": app.id}).status == by_nothing


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
def test_the_registered_method_holds_at_every_endpoint(path: str) -> None:
    """Trap T11: Authlib asks for it at the token endpoint alone."""
    app = protocol.register(token_endpoint_auth_method="client_secret_basic")
    assert send(path, {"token": "x"} | app.post).error == (400, "invalid_client")
    assert send(path, {"token": "x"}, app.basic).status == 200


def test_two_ways_of_authentication_in_one_request_are_refused(web_app: App, spa: App) -> None:
    """Trap T10: Authlib takes the first that succeeds."""
    assertion = {"client_assertion": "eyJ.e30.x", "client_assertion_type": "urn:x"}
    for fields, headers in (
        (web_app.post, web_app.basic),
        (web_app.post, basic(web_app.id, "wrong")),
        ({"client_secret": web_app.secret}, web_app.basic),
        (assertion, web_app.basic),
        (web_app.post | assertion, {}),
        ({"client_id": spa.id}, web_app.basic),
    ):
        assert send("/oauth/token", CC | fields, headers).error == (400, "invalid_request")


HOSTILE_HEADERS = [
    "Basic",
    "Basic ",
    "Basic !!!!",
    "Basic YTpi YTpi",
    "Basic Y\u00e9==",
    "Basic " + "QQ" * 9000,
    "basic Ojo6",
    "Basic /////w==",
    "Basic JTAwOnNlY3JldA==",  # %00:secret
    "Basic bm8tY29sb24=",
    "Bearer abc",
    "Digest x",
    "\u20ac",
]


@rows("header", HOSTILE_HEADERS)
def test_a_hostile_authorization_header_is_a_clean_401(header: str) -> None:
    """Trap T6: Authlib raises on bytes that are no UTF-8, and skips junk inside base64."""
    reply = send("/oauth/token", CC, {"authorization": header})
    assert reply.error == (401, "invalid_client")
    assert reply.header("www-authenticate") == 'Basic realm="kaie", error="invalid_client"'


@pytest.mark.parametrize("secret", ["wr\u00f6ng", "\u2603" * 400, "x" * 20_000, "", " "])
def test_any_secret_is_refused_without_a_fault(web_app: App, secret: str) -> None:
    """Trap T5: Authlib compares texts, which raises beyond ASCII."""
    reply = send("/oauth/token", CC | {"client_id": web_app.id, "client_secret": secret})
    assert reply.error == (400, "invalid_client")


def test_a_header_is_answered_with_401_and_a_body_with_400(web_app: App) -> None:
    assert send("/oauth/token", CC, basic(web_app.id, "wrong")).error == (401, "invalid_client")
    by_post = send("/oauth/token", CC | {"client_id": web_app.id, "client_secret": "wrong"})
    assert by_post.error == (400, "invalid_client")
    assert by_post.header("www-authenticate") is None


def test_unknown_wrong_and_disabled_get_the_same_bytes(web_app: App) -> None:
    """Trap T12: Authlib's texts tell an unknown client from a wrong secret."""
    disabled, deleted = protocol.register(disabled_at=1), protocol.register(deleted_at=1)
    attempts = [
        basic("nobody", "secret"),
        basic("x" * 3000, "secret"),
        basic(web_app.id, "wrong"),
        disabled.basic,
        deleted.basic,
    ]
    replies = [send("/oauth/token", CC, headers) for headers in attempts]
    assert len({(reply.status, reply.body, tuple(h for h in reply.headers)) for reply in replies}) == 1


@pytest.mark.parametrize(
    ("columns", "works"),
    [
        ({}, True),
        ({"expires_at": clock.now() + 86_400}, True),
        ({"expires_at": clock.now() - 1}, False),
        ({"revoked_at": clock.now() - 1}, False),
    ],
)
def test_only_a_living_secret_works(web_app: App, columns: dict[str, Any], works: bool) -> None:
    from authserver import database
    from authserver.domain.ground import cache

    with database.transaction() as session:
        row = session.query(ClientSecret).filter_by(client_id=web_app.id).one()
        for name, value in columns.items():
            setattr(row, name, value)
        cache.touch(session, "clients")
    assert (send("/oauth/token", CC, web_app.basic).status == 200) is works


def test_a_secret_with_reserved_characters_survives_the_form_encoding(web_app: App) -> None:
    """RFC 6749 section 2.3.1: both parts are form-encoded before base64, and `+` is a space."""
    from authserver import database
    from authserver.domain.ground import cache
    from authserver.lib import secrets

    odd = "a:b%c+d e\u00e9"
    with database.transaction() as session:
        session.query(ClientSecret).filter_by(client_id=web_app.id).one().digest = secrets.digest(odd)
        cache.touch(session, "clients")
    assert send("/oauth/token", CC, basic(web_app.id, odd)).status == 200


def test_secrets_are_stored_as_digests_alone(web_app: App) -> None:
    from authserver import database
    from authserver.lib import secrets

    with database.reading() as session:
        row = session.query(ClientSecret).filter_by(client_id=web_app.id).one()
        assert row.digest == secrets.digest(web_app.secret)
        assert web_app.secret not in repr(vars(row))
