"""GET and POST /oauth/userinfo: what an app may know about the person."""

from __future__ import annotations

from typing import Any

import pytest

from authserver import database
from authserver.domain.people import names, standard_claims, users
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import id_tokens, person_claims
from authserver.lib import jwt
from authserver.models import User
from tests.conftest import Person
from tests.support import protocol
from tests.support.keys import signing_with
from tests.support.protocol import App, Reply, bearer, client_credentials, send, tokens_for

PATH = "/oauth/userinfo"


def get(token: str) -> Reply:
    return send(PATH, headers=bearer(token), method="GET")


@pytest.mark.parametrize(
    ("scopes", "members"),
    [
        (["openid"], {"sub"}),
        (["openid", "profile"], {"sub", "name", "preferred_username", "updated_at"}),
        (["openid", "email"], {"sub", "email", "email_verified"}),
        (
            ["openid", "profile", "email"],
            {"sub", "name", "preferred_username", "updated_at", "email", "email_verified"},
        ),
    ],
)
def test_each_scope_shows_its_claims_alone(web_app: App, alice: Person, scopes: list[str], members: set[str]) -> None:
    answer = get(tokens_for(alice.id, web_app, scopes=scopes)["access_token"]).json
    assert answer.keys() == members
    assert answer["sub"] == alice.id


def test_a_name_that_was_not_chosen_is_composed_of_its_parts_and_never_cut_in_two(web_app: App, alice: Person) -> None:
    token = tokens_for(alice.id, web_app)["access_token"]
    for given, family, chosen, name in (
        ("Alice", "Martin", "", "Alice Martin"),
        ("Alice", "", "", "Alice"),
        ("", "Martin", "", "Martin"),
        ("Alice", "Martin", "Ally", "Ally"),
        ("", "", "Alice Martin", "Alice Martin"),
        ("", "", "", None),
    ):
        names.rename(alice.id, chosen, given_name=given, family_name=family)
        said = get(token).json
        assert [said.get(claim, "") for claim in ("given_name", "family_name")] == [given, family]
        assert said.get("name") == name
        assert said["preferred_username"] == "alice"
        assert said["updated_at"] == users.get(alice.id).person_updated_at


def test_the_id_token_says_what_userinfo_says_unless_its_app_does_not_want_it(web_app: App, alice: Person) -> None:
    names.rename(alice.id, given_name="Alice", family_name="Martin")
    for wanted in (True, False):
        protocol.change(web_app, id_token_claims=wanted)
        for scopes in (["openid"], ["openid", "profile"], ["openid", "email"], ["openid", "profile", "email"]):
            tokens = tokens_for(alice.id, web_app, scopes=scopes)
            said = protocol.claims(tokens["id_token"])
            about = {name: value for name, value in said.items() if name in person_claims.NAMES}
            at_userinfo = {name: value for name, value in get(tokens["access_token"]).json.items() if name != "sub"}
            assert about == (at_userinfo if wanted else {})


EVERY_SCOPE = ["openid", "profile", "email", "phone", "address"]
FILLED_IN: dict[str, Any] = {
    "middle_name": "Lee",
    "nickname": "Al",
    "profile": "https://social.example/al",
    "picture": "https://social.example/al.png",
    "website": "https://al.example",
    "gender": "female",
    "birthdate": "1990-05-31",
    "zoneinfo": "Europe/Paris",
    "locale": "fr-FR",
    "phone_number": "+33123456789",
    "address": {
        "street_address": "1 rue du Chat", "postal_code": "75005", "locality": "Paris", "region": "IDF",
        "country": "France",
    },
}  # fmt: skip
LETTER = "1 rue du Chat\n75005 Paris\nIDF\nFrance"


@pytest.fixture
def whole_app() -> App:
    return protocol.register(scopes=EVERY_SCOPE)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_standard_claim_that_was_filled_in_is_told_by_its_scope(
    whole_app: App, alice: Person, method: str
) -> None:
    """OpenID Connect Core 5.1, 5.3 and 5.4."""
    names.rename(alice.id, given_name="Alice", family_name="Martin")
    standard_claims.change(alice.id, FILLED_IN)
    token = tokens_for(alice.id, whole_app, scopes=EVERY_SCOPE)["access_token"]
    said = send(PATH, headers=bearer(token), method=method).json
    assert said.keys() == {"sub", *person_claims.NAMES}
    assert {name: said[name] for name in FILLED_IN if name != "address"} | {
        "address": {name: text for name, text in said["address"].items() if name != "formatted"}
    } == FILLED_IN
    assert said["address"]["formatted"] == LETTER
    assert said["phone_number_verified"] is False
    assert isinstance(said["updated_at"], int)
    for scope, given in person_claims.BY_SCOPE.items():
        token = tokens_for(alice.id, whole_app, scopes=["openid", scope])["access_token"]
        assert get(token).json.keys() == {"sub", *given}


def test_what_was_not_filled_in_or_was_taken_away_is_not_told(whole_app: App, alice: Person) -> None:
    """OpenID Connect Core 5.3.2: a claim that is not returned is left out, neither null nor empty."""
    token = tokens_for(alice.id, whole_app, scopes=EVERY_SCOPE)["access_token"]
    bare = get(token).json.keys()
    standard_claims.change(alice.id, FILLED_IN)
    emptied = {name: "" for name in FILLED_IN if name != "address"}
    standard_claims.change(alice.id, emptied | {"address": {"country": ""}})
    assert get(token).json["address"]["formatted"] == LETTER.removesuffix("\nFrance")
    standard_claims.change(alice.id, {"address": dict.fromkeys(FILLED_IN["address"], "")})
    assert get(token).json.keys() == bare
    assert users.get(alice.id).standard_claims == {}


def test_an_address_is_verified_once_it_was_proven(web_app: App, alice: Person) -> None:
    token = tokens_for(alice.id, web_app)["access_token"]
    with database.transaction() as session:
        session.get_one(User, alice.id).email_verified_at = None
    assert get(token).json["email_verified"] is False
    with database.transaction() as session:
        session.get_one(User, alice.id).email_verified_at = 1
    assert get(token).json["email_verified"] is True


@pytest.fixture
def token(web_app: App, alice: Person) -> str:
    return str(tokens_for(alice.id, web_app)["access_token"])


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_has_no_case(token: str, scheme: str) -> None:
    assert send(PATH, headers={"authorization": f"{scheme} {token}"}, method="GET").status == 200


def test_the_token_may_come_in_a_form_body(token: str) -> None:
    assert send(PATH, {"access_token": token}).status == 200


@pytest.mark.parametrize(
    ("fields", "query", "in_header"),
    [({}, "access_token={}", False), ({"access_token": "x"}, "", True), ({}, "access_token={}", True)],
)
def test_a_token_in_the_url_or_twice_is_refused(token: str, fields: Any, query: str, in_header: bool) -> None:
    headers = bearer(token) if in_header else {}
    reply = send(PATH, fields, headers, query=query.format(token))
    assert reply.error == (400, "invalid_request")


def test_without_a_token_the_challenge_names_no_error() -> None:
    reply = send(PATH, method="GET")
    assert reply.status == 401
    described = "http://localhost:8000/.well-known/oauth-protected-resource"
    assert reply.header("www-authenticate") == f'Bearer realm="kaie", resource_metadata="{described}"'


@pytest.mark.parametrize("bad", ["x", "kaie_at_" + "0" * 36, "\u2603", "eyJhbGciOiJub25lIn0.e30.", "a" * 9000])
def test_a_bad_token_is_a_401_with_a_reason(bad: str) -> None:
    reply = get(bad)
    assert reply.error == (401, "invalid_token")
    assert 'error="invalid_token"' in (reply.header("www-authenticate") or "")


def test_other_kinds_of_tokens_are_refused(web_app: App, alice: Person) -> None:
    tokens = tokens_for(alice.id, web_app)
    for other in (tokens["id_token"], tokens["refresh_token"], protocol.allow(alice.id, web_app)):
        assert get(other).error == (401, "invalid_token")


def test_a_token_for_another_audience_is_refused(web_app: App, alice: Person) -> None:
    """Trap T15: Authlib's validator checks no audience."""
    api = protocol.add_resource("https://api.example")
    protocol.change(web_app, resources=[api])
    assert get(tokens_for(alice.id, web_app, resources=[api])["access_token"]).error == (401, "invalid_token")


def test_a_token_without_openid_is_a_403(web_app: App, alice: Person) -> None:
    reply = get(tokens_for(alice.id, web_app, scopes=["workflows:read"])["access_token"])
    assert reply.error == (403, "insufficient_scope")
    assert 'scope="openid"' in (reply.header("www-authenticate") or "")


def test_a_client_is_nobody_even_with_openid(web_app: App) -> None:
    """A client_id is never mistaken for a person (RFC 9700 section 4.15)."""
    assert get(client_credentials(web_app).json["access_token"]).error == (403, "insufficient_scope")


def test_a_revoked_token_is_refused_at_once(web_app: App, token: str) -> None:
    """Trap T15 and T19."""
    assert get(token).status == 200
    protocol.revoke(web_app, token)
    assert get(token).error == (401, "invalid_token")


def test_the_answer_is_never_stored(token: str) -> None:
    assert get(token).header("cache-control") == "no-store"


@pytest.mark.parametrize("alg", ["RS256", "ES256", "PS256", "EdDSA"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_app_may_have_the_answer_signed(alice: Person, alg: str, method: str) -> None:
    """Section 5.3.2 and Registration 2: `application/jwt`, with issuer and audience, by the registered algorithm."""
    app = protocol.register(userinfo_alg=alg)
    with signing_with(alg):
        token = tokens_for(alice.id, app, scopes=["openid", "email"])["access_token"]
        reply = send(PATH, headers=bearer(token), method=method)
        said = jwt.verify(reply.body.decode(), signing_keys.verifying(), algs=frozenset({alg}), typ="JWT")
    assert reply.header("content-type") == "application/jwt"
    assert said == {
        "iss": "http://localhost:8000",
        "aud": app.id,
        "sub": alice.id,
        "email": alice.email,
        "email_verified": True,
    }


def test_a_signed_answer_is_neither_an_id_token_nor_an_access_token(alice: Person) -> None:
    """It opens nothing and hints at nobody (class C5)."""
    app = protocol.register(userinfo_alg="RS256")
    signed = get(tokens_for(alice.id, app)["access_token"]).body.decode()
    assert get(signed).error == (401, "invalid_token")
    with pytest.raises(jwt.InvalidToken):
        id_tokens.read(signed)


def test_a_refusal_is_never_signed(alice: Person) -> None:
    app = protocol.register(userinfo_alg="RS256")
    reply = get(tokens_for(alice.id, app, scopes=["workflows:read"])["access_token"])
    assert reply.error == (403, "insufficient_scope")
