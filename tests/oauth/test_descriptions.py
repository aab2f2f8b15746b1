"""What endpoints beside token and authorize say when they refuse, in bodies and in challenges."""

from __future__ import annotations

import re
from typing import Any

from authserver.domain.access import gateway_routes
from authserver.domain.api_keys import keys as api_keys
from authserver.edge import json_errors
from tests.architecture.test_error_descriptions import CHARACTERS, REMEDY
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App, bearer, send


def challenge(reply: Any) -> str:
    return dict(re.findall(r'(\w+)="([^"]*)"', reply.header("WWW-Authenticate") or "")).get("error_description", "")


def test_userinfo_tells_its_refusals_apart(web_app: App, alice: Person) -> None:
    machine = protocol.client_credentials(web_app).json["access_token"]
    plain = protocol.tokens_for(alice.id, web_app, scopes=["workflows:read"])["access_token"]
    for headers, query, fields, words in (
        ({}, "", {}, ("Authorization: Bearer",)),
        (bearer("x"), "", {}, ("expired", "Get a new access token")),
        (bearer(machine), "", {}, ("no person's", "openid")),
        (bearer(plain), "", {}, ("lacks the scope openid",)),
        (bearer(plain), "access_token=x", {}, ("in the URL", "Authorization: Bearer")),
        (bearer(plain), "", {"access_token": plain}, ("twice", "once")),
        (bearer(plain), "", b"%zz", ("read", "form")),
    ):
        reply = send("/oauth/userinfo", fields, headers, query=query)
        said = reply.json["error_description"]
        assert all(word in said for word in words), (words, said)
        assert REMEDY.search(said)
        assert challenge(reply) == ("" if not headers else said)


def test_introspection_and_revocation_do_as_well(web_app: App) -> None:
    for path, headers, fields, words in (
        ("/oauth/introspect", bearer("x"), {"token": "x"}, ("Get a new",)),
        ("/oauth/introspect", bearer(protocol.client_credentials(web_app).json["access_token"]), {"token": "x"},
         ("lacks the scope introspect",)),
        ("/oauth/introspect", web_app.basic, {}, ("token", "missing", "Send")),
        ("/oauth/introspect", web_app.basic, {"token": "x", "client_ip": "here"}, ("client_ip", "192.0.2.7")),
        ("/oauth/revoke", web_app.basic, {}, ("token", "missing", "Send")),
        ("/oauth/revoke", {}, {"token": "x"}, ("client_id", "method")),
    ):  # fmt: skip
        said = send(path, fields, headers).json["error_description"]
        assert all(word in said for word in words), (words, said)


def test_the_challenges_of_the_api_name_a_remedy(app: Any, alice: Person) -> None:
    low, scope = json_errors.insufficient_permissions(["admin"]), json_errors.scope_insufficient(["admin"])
    odd = json_errors.unpassable("jwt", 'The configuration asks for "x…", which is unknown. Use another.')
    for error in (json_errors.invalid_api_key(), json_errors.invalid_token(), low, scope, odd):
        header = dict(error.headers)["WWW-Authenticate"]
        said = dict(re.findall(r'(\w+)="([^"]*)"', header))["error_description"]
        assert CHARACTERS.fullmatch(said) and REMEDY.search(said), said
    assert 'scope="admin"' in dict(low.headers)["WWW-Authenticate"]


def test_a_gateway_that_is_configured_wrongly_stays_one_header(app: Any, alice: Person) -> None:
    _, key = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    gateway_routes.save("shop", gateway_routes.parse("GET /orders workflows:read"))
    answer = app.test_client().get("/gateway/auth/shopp", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 403
    assert (
        "error_description=\"No credential may pass here. The proxy's configuration asks for 'shopp'"
        in (answer.headers["WWW-Authenticate"])
    )
