"""POST /oauth/introspect with `Accept: application/token-introspection+jwt` (RFC 9701)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from authserver import config
from authserver.domain.access import permissions
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.ground import usage
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import id_tokens
from authserver.lib import clock, jwt
from tests.conftest import Person
from tests.support import protocol
from tests.support.keys import signing_with
from tests.support.protocol import App, Reply, bearer, client_credentials, introspect, send, tokens_for

PATH, API = "/oauth/introspect", "https://api.example"
MEDIA_TYPE = "application/token-introspection+jwt"


def ask(caller: App | dict[str, str], token: str, accept: str = MEDIA_TYPE, **fields: str) -> Reply:
    who = caller if isinstance(caller, dict) else caller.basic
    return send(PATH, {"token": token} | fields, {**who, "accept": accept})


def read(reply: Reply, alg: str = "RS256") -> dict[str, Any]:
    """What an API reads that verifies the answer by our published keys."""
    return jwt.verify(
        reply.body.decode(), signing_keys.verifying(), algs=frozenset({alg}), typ="token-introspection+jwt"
    )


@pytest.fixture
def api(web_app: App) -> App:
    """The API that tokens of `web_app` are for."""
    protocol.add_resource(API)
    protocol.change(web_app, resources=[API])
    return protocol.register(name="API", resource_server_for=[API])


@pytest.fixture
def token(api: App, web_app: App, alice: Person) -> str:
    return str(tokens_for(alice.id, web_app, resources=[API])["access_token"])


def test_the_answer_is_a_jwt_for_the_api_that_asked(api: App, token: str) -> None:
    """Section 5: its type, `iss`, `aud`, `iat`, and the answer of RFC 7662 in a member of its own."""
    reply = ask(api, token)
    assert (reply.status, reply.header("content-type")) == (200, MEDIA_TYPE)
    said = read(reply)
    plain = introspect(api, token).json
    inside = said.pop("token_introspection")
    assert inside.pop("rate_limit").keys() == plain.pop("rate_limit").keys()
    assert inside == plain and inside["active"] and inside["aud"] == API
    assert said.pop("iat") == pytest.approx(clock.now(), abs=2)
    assert said == {"iss": config.current().issuer, "aud": api.id}


def test_neither_sub_nor_exp_stand_at_the_top(api: App, token: str) -> None:
    """Section 5: so that nobody takes the answer for an access token."""
    assert read(ask(api, token)).keys() == {"iss", "aud", "iat", "token_introspection"}


def test_what_is_inactive_is_signed_too_and_says_nothing_else(
    api: App, token: str, web_app: App, mallorys_app: App
) -> None:
    """Section 5: invalid, revoked, or none of the caller's business: `active` is false and alone."""
    assert read(ask(api, "garbage"))["token_introspection"] == {"active": False}
    assert read(ask(mallorys_app, token))["token_introspection"] == {"active": False}
    protocol.revoke(web_app, token)
    assert read(ask(api, token))["token_introspection"] == {"active": False}


@pytest.mark.parametrize("alg", ["RS256", "ES256", "PS256", "EdDSA"])
def test_the_api_chooses_the_algorithm(api: App, token: str, alg: str) -> None:
    """Section 6: `introspection_signed_response_alg`."""
    protocol.change(api, introspection_alg=alg)
    with signing_with(alg):
        assert read(ask(api, token), alg)["token_introspection"]["active"]


def test_without_a_choice_it_is_rs256(api: App, token: str) -> None:
    """Section 6."""
    assert jwt.peek_header(ask(api, token).body.decode())["alg"] == "RS256"


def test_without_a_key_of_its_algorithm_nothing_else_signs(api: App, token: str) -> None:
    protocol.change(api, introspection_alg="EdDSA")
    assert ask(api, token).error == (503, "temporarily_unavailable")
    assert introspect(api, token).json["active"]


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "application/jwt", f"{MEDIA_TYPE};q=0"])
def test_who_does_not_ask_for_it_gets_json(api: App, token: str, accept: str) -> None:
    """Section 4."""
    reply = ask(api, token, accept)
    assert reply.header("content-type") == "application/json"
    assert reply.json["active"]


def test_a_bearer_asks_as_its_client(web_app: App) -> None:
    app = protocol.register(scopes=["introspect", "workflows:read"])
    token = client_credentials(app).json["access_token"]
    said = read(ask(bearer(token), token))
    assert (said["aud"], said["token_introspection"]["client_id"]) == (app.id, app.id)


def test_an_api_key_has_it_signed_for_its_owner(ada: Person) -> None:
    permissions.change("full_access", [*permissions.get("full_access").scopes, "introspect"])
    _, asking = api_keys.create(ada.user, api_keys.Wish("Gateway", "full_access"))
    assert read(ask(bearer(asking), asking))["aud"] == ada.id


def test_a_refusal_is_never_signed(api: App) -> None:
    """Section 5: errors are those of RFC 7662 section 2.3."""
    for reply in (send(PATH, {}, {**api.basic, "accept": MEDIA_TYPE}), ask({}, "x"), ask(bearer("x"), "x")):
        assert reply.status in (400, 401)
        assert reply.header("content-type") == "application/json"


def test_it_is_kept_by_nobody_and_counts_as_the_other(api: App, token: str) -> None:
    reply = ask(api, token)
    assert reply.header("cache-control") == "no-store"
    before = read(reply)["token_introspection"]["rate_limit"]["remaining"]
    counted = read(ask(api, token, rate_limit="consume"))["token_introspection"]["rate_limit"]
    assert counted["remaining"] == before - 1
    assert introspect(api, token).json["rate_limit"]["remaining"] == before - 1


def test_a_signed_answer_is_no_credential(api: App, token: str, auditor: App) -> None:
    """Section 8.1, class C5: it opens nothing, hints at nobody, and is no token itself."""
    signed = ask(api, token).body.decode()
    assert introspect(auditor, signed).json == {"active": False}
    assert send("/oauth/userinfo", headers=bearer(signed), method="GET").error == (401, "invalid_token")
    with pytest.raises(jwt.InvalidToken):
        id_tokens.read(signed)


def test_signing_costs_no_statement_more(api: App, token: str, statements: Callable[[], Any]) -> None:
    ask(api, token)
    usage.flush()
    with statements() as sent:
        assert ask(api, token).status == 200
    assert len(sent) == 1, sent
