"""The type in the header of access tokens: `at+jwt`, or `JWT` for an API that reads no other; never an ID token's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from authserver import config
from authserver.domain.access import resource_wishes, resources
from authserver.domain.clients import clients
from authserver.domain.insight import credential_checks
from authserver.domain.running import declaration
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import inspection
from authserver.errors import Conflict, Invalid
from authserver.lib import jwt
from tests.conftest import Person
from tests.support import own_jwts, protocol
from tests.support.own_jwts import own, pair
from tests.support.own_jwts import signed as signed_by
from tests.support.protocol import App, bearer, client_credentials, introspect, revoke, send, tokens_for
from tests.support.tables import rows

API, OTHER = "https://old.example", "https://new.example"


@pytest.fixture
def app_of_both() -> App:
    """May ask for tokens for an API that reads `JWT` alone, and for one that does not mind."""
    apis = [protocol.add_resource(API, access_token_typ="JWT"), protocol.add_resource(OTHER)]
    return protocol.register(resources=apis, resource_server_for=[API], introspect_all=True)


def token(app: App, *apis: str) -> str:
    return str(client_credentials(app, resource=list(apis)).json["access_token"])


def typ(value: str) -> str:
    return str(jwt.peek_header(value)["typ"])


def signed(claims: dict[str, Any], typ: str = "JWT") -> str:
    """A token signed with our own key, as none is handed out."""
    return jwt.sign(signing_keys.signer(), claims, typ)


@rows(
    ("apis", "expected"),
    [([], "at+jwt"), ([OTHER], "at+jwt"), ([API], "JWT"), ([API, OTHER], "at+jwt")],
)
def test_the_type_is_the_one_that_every_api_of_the_token_wants(
    app_of_both: App, apis: list[str], expected: str
) -> None:
    assert typ(token(app_of_both, *apis)) == expected


def test_a_person_s_token_has_it_too_and_the_id_token_beside_it_opens_nothing(app_of_both: App, alice: Person) -> None:
    both = tokens_for(alice.id, app_of_both, resources=[API])
    assert (typ(both["access_token"]), typ(both["id_token"])) == ("JWT", "JWT")
    assert introspect(app_of_both, both["access_token"]).json["sub"] == alice.id
    assert introspect(app_of_both, both["id_token"]).json == {"active": False}


def test_it_is_introspected_and_revoked_like_any_other(app_of_both: App) -> None:
    given = token(app_of_both, API)
    answer = introspect(app_of_both, given).json
    assert (answer["active"], answer["aud"], answer["credential"]) == (True, API, "access_token")
    assert revoke(app_of_both, given).status == 200
    assert introspect(app_of_both, given).json == {"active": False}


def test_it_opens_nothing_at_this_server_itself(app_of_both: App, alice: Person) -> None:
    given = tokens_for(alice.id, app_of_both, resources=[API])["access_token"]
    assert send("/oauth/userinfo", headers=bearer(given), method="GET").status == 401


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_an_id_token_is_none_whatever_signs_it(app_of_both: App, alice: Person, alg: str) -> None:
    protocol.change(app_of_both, id_token_alg=alg)
    id_token = tokens_for(alice.id, app_of_both, resources=[API])["id_token"]
    assert introspect(app_of_both, id_token).json == {"active": False}
    assert send("/oauth/userinfo", headers=bearer(id_token), method="GET").status == 401
    explained = credential_checks.explain(id_token, ip="192.0.2.7")
    assert explained is not None
    assert [check.received for check in explained.checks if not check.ok] == ["an ID token"]


@rows(
    "changed",
    [
        {"client_id": None},
        {"jti": None},
        {"aud": None},
        {"azp": "app"},
        {"at_hash": "x"},
        {"nonce": "n"},
        {"aud": "ISSUER"},
        {"aud": "ISSUER/v1"},
        {"aud": [API, "ISSUER"]},
        {"aud": [API, "CLIENT"]},
        {"jti": 5},
        {"aud": []},
        {"aud": [{}]},
        {"aud": 5},
    ],
)
def test_what_is_not_wholly_an_access_token_s_is_no_access_token(app_of_both: App, changed: dict[str, Any]) -> None:
    """Signed by us, in time, and under the type that ID tokens have."""
    claims = protocol.claims(token(app_of_both, API))
    assert inspection.verified(signed(claims)) == claims
    ours = json.dumps(changed).replace("ISSUER", config.current().issuer).replace("CLIENT", app_of_both.id)
    mixed = claims | json.loads(ours)
    assert inspection.verified(signed({name: value for name, value in mixed.items() if value is not None})) is None


@pytest.mark.parametrize("other", ["logout+jwt", "dpop+jwt", "secevent+jwt", "JWS", "", "application/JWT+x"])
def test_no_other_type_is_read_as_one(app_of_both: App, other: str) -> None:
    claims = protocol.claims(token(app_of_both, API))
    assert inspection.verified(signed(claims, other)) is None


def test_a_client_s_assertion_never_passes_for_one(app_of_both: App) -> None:
    """`iss` is what leads to our keys: a client's own signature under our name fits none of them."""
    app = protocol.register(
        jwks=own_jwts.key_set(pair()), token_endpoint_auth_method="private_key_jwt", resources=[API]
    )
    assertion = own(app.id, aud=config.current().issuer)
    assert introspect(app_of_both, assertion).json == {"active": False}
    claims = protocol.claims(token(app_of_both, API)) | {"client_id": app.id, "sub": app.id}
    forged = signed_by(pair(), claims)
    assert introspect(app_of_both, forged).json == {"active": False}


def test_a_client_s_own_jwt_of_that_type_stays_what_it_is(app_of_both: App) -> None:
    app = protocol.register(jwks=own_jwts.key_set(pair()), resources=[API])
    answer = introspect(app_of_both, own(app.id, aud=API)).json
    assert (answer["active"], answer["credential"]) == (True, "jwt")


# ---- declared -----------------------------------------------------------------------------------------------


def test_a_declaration_says_it_and_a_second_run_changes_nothing(app: object) -> None:
    document = {"resources": [{"identifier": API, "name": "Old", "access_token_typ": "JWT"}]}
    assert [change.action for change in declaration.apply(document)] == ["create"]
    assert resources.get(API).access_token_typ == "JWT"
    assert declaration.apply(document) == []
    document["resources"][0]["access_token_typ"] = "at+jwt"
    (change,) = declaration.apply(document)
    assert change.differences == {"access_token_typ": ("JWT", None)}
    assert declaration.apply(document) == []


@rows(
    "said",
    [
        {"access_token_typ": "jwt"},
        {"access_token_typ": "logout+jwt"},
        {"access_token_typ": 5},
        {"access_token_typ": ["JWT"]},
        {"access_token_typ": "JWT", "access_token_format": "opaque"},
    ],
)
def test_a_type_that_is_none_is_refused_with_what_it_may_be(app: object, said: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        declaration.apply({"resources": [{"identifier": API, **said}]})
    assert "at+jwt" in str(refused.value.problems)
    assert resources.find(API) is None


class TestAnAppWhoseIdIsAnUrl:
    """Its ID tokens have the audience that access tokens for an API of that name have."""

    def test_is_no_app_once_an_api_has_that_name(self, app_of_both: App, alice: Person) -> None:
        victim = protocol.register(id=API, redirect_uris=["https://old.example/cb"])
        assert client_credentials(victim, scope="workflows:read").error == (401, "invalid_client")
        assert clients.find(API) is None
        given = tokens_for(alice.id, app_of_both, resources=[API])
        assert introspect(app_of_both, given["access_token"]).json["aud"] == API, "the API works on"

    def test_leaves_its_name_to_no_api(self, app: Flask) -> None:
        protocol.register(id="https://app.example/client.json")
        with pytest.raises(Conflict, match="client id"):
            resources.create("https://app.example/client.json", "API", access_token_typ="JWT")

    @pytest.mark.parametrize("at", range(2))
    def test_is_no_app_under_a_name_of_this_server(self, app: Flask, at: int) -> None:
        own = resources.own()[at]
        protocol.register(id=own)
        assert clients.find(own) is None


@rows(
    ("identifier", "good"),
    [
        ("http://localhost:8000/", False), ("http://localhost:8000/?tenant=2", True), ("http://localhost.:8000", False),
        ("http://localhost:8000/v1/", False), ("http://localhost:8000/oauth/token", False),
        ("http://localhost:8000/oauth", False), ("http://localhost:8000/%6fauth/token", False),
        ("http://localhost:8000/.well-known/openid-configuration", False), ("http://localhost:8000/demo/v2", True),
        ("http://localhost:8000/oauthlike", True), ("http://localhost:8001/oauth/token", True),
    ],
)  # fmt: skip
def test_no_api_has_an_address_that_assertions_are_made_for(app: Flask, identifier: str, good: bool) -> None:
    assert (resource_wishes.problem(identifier) is None) is good
