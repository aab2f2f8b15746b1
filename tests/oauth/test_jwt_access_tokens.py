"""RFC 9068, section by section: what an access token says, who it is for, and what is refused as one."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from authserver import config
from authserver.domain.access import resource_wishes, resources
from authserver.domain.signing import keys as signing_keys
from authserver.errors import Invalid
from authserver.lib import clock, jwk, jwt
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App, bearer, client_credentials, introspect, send, tokens_for

API, OTHER = "https://api.example", "https://other.example"
REQUIRED = {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}


@pytest.fixture
def app_of_both() -> App:
    for each in (API, OTHER):
        protocol.add_resource(each)
    return protocol.register(resources=[API, OTHER])


def own(app: App, *apis: str, **fields: Any) -> str:
    return str(client_credentials(app, resource=list(apis), **fields).json["access_token"])


def header(token: str) -> dict[str, Any]:
    return jwt.peek_header(token)


def verified(token: str, alg: str) -> dict[str, Any]:
    """As an API verifies it that holds on to section 4: by our published keys, the algorithm, and the type."""
    published = {each["kid"]: jwk.load_public(each) for each in json.loads(signing_keys.jwks().body)["keys"]}
    return jwt.verify(token, published, algs=frozenset({alg}), typ="at+jwt")


# Section 2.1


def test_it_is_signed_and_says_what_it_is(web_app: App) -> None:
    """Section 2.1: signed, never `none`; the type without `application/`."""
    said = header(own(web_app))
    assert (said["typ"], said["alg"]) == ("at+jwt", "ES256")
    assert said["kid"] in signing_keys.verifying()


@pytest.mark.parametrize("alg", resource_wishes.ALGS)
def test_an_api_chooses_what_signs_its_tokens_and_rs256_is_among_them(app_of_both: App, alg: str) -> None:
    """Section 2.1: servers MUST include RS256 among their supported algorithms."""
    resources.update(API, "An API", access_token_alg=alg)
    token = own(app_of_both, API)
    assert header(token)["alg"] == alg
    assert verified(token, alg)["aud"] == API
    assert introspect(app_of_both, token).json["active"]
    assert protocol.revoke(app_of_both, token).status == 200
    assert introspect(app_of_both, token).json == {"active": False}


@pytest.mark.parametrize(
    ("apis", "alg"), [([], "ES256"), ([API], "RS256"), ([OTHER], "ES256"), ([API, OTHER], "ES256")]
)
def test_a_token_for_several_is_signed_as_all_of_them_want_it(app_of_both: App, apis: list[str], alg: str) -> None:
    resources.update(API, "An API", access_token_alg="RS256")
    assert header(own(app_of_both, *apis))["alg"] == alg


@pytest.mark.parametrize("wish", [{"access_token_alg": "none"}, {"access_token_alg": "HS256"},
                                  {"access_token_alg": "RS256", "access_token_format": "opaque"}])  # fmt: skip
def test_no_other_algorithm_can_be_chosen(app_of_both: App, wish: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        resources.update(API, "An API", **wish)
    assert "access_token_alg" in refused.value.problems


# Section 2.2


def test_every_required_claim_is_there(web_app: App, alice: Person) -> None:
    """Section 2.2: `iss exp aud sub client_id iat jti`."""
    now = clock.now()
    for token in (own(web_app), tokens_for(alice.id, web_app)["access_token"]):
        said = jwt.peek_claims(token)
        assert said.keys() >= REQUIRED
        assert said["iss"] == config.current().issuer
        assert said["client_id"] == web_app.id
        assert now - 2 <= said["iat"] <= now + 2 and said["exp"] == said["iat"] + 3600
        assert None not in said.values()


def test_the_subject_is_the_person_or_without_one_the_app(web_app: App, alice: Person) -> None:
    """Section 2.2, `sub`."""
    assert jwt.peek_claims(tokens_for(alice.id, web_app)["access_token"])["sub"] == alice.id
    assert jwt.peek_claims(own(web_app))["sub"] == web_app.id


def test_two_tokens_of_one_moment_are_two(web_app: App) -> None:
    """Section 2.2, `jti`."""
    assert len({jwt.peek_claims(own(web_app))["jti"] for _ in range(20)}) == 20


def test_it_tells_of_the_sign_in_only_where_there_was_one(web_app: App, alice: Person) -> None:
    """Section 2.2.1: `auth_time acr amr`, which a refresh leaves as they are."""
    made = tokens_for(alice.id, web_app)
    said = jwt.peek_claims(made["access_token"])
    again = jwt.peek_claims(protocol.refresh(web_app, made["refresh_token"]).json["access_token"])
    assert (said["acr"], said["amr"]) == ("aal1", ["pwd"])
    assert [again[name] for name in ("auth_time", "acr", "amr")] == [said[name] for name in ("auth_time", "acr", "amr")]
    assert not {"auth_time", "acr", "amr"} & jwt.peek_claims(own(web_app)).keys()


def test_scope_is_what_was_granted_and_left_out_where_nothing_was(web_app: App) -> None:
    """Section 2.2.3."""
    assert jwt.peek_claims(own(web_app, scope="workflows:read"))["scope"] == "workflows:read"
    assert "scope" not in jwt.peek_claims(own(protocol.register(scopes=[])))


def test_nothing_of_the_person_is_in_it_but_who_they_are(web_app: App, alice: Person) -> None:
    """Sections 5 and 6: whoever holds it can read it."""
    said = jwt.peek_claims(tokens_for(alice.id, web_app)["access_token"])
    assert said.keys() <= REQUIRED | {"scope", "auth_time", "acr", "amr", "sid"}


# Section 3


@pytest.mark.parametrize(("apis", "aud"), [([], None), ([API], API), ([API, OTHER], [API, OTHER])])
def test_the_audience_is_what_was_asked_for_else_this_server(app_of_both: App, apis: list[str], aud: Any) -> None:
    """Section 3: the same values as `resource`; without it the default."""
    assert jwt.peek_claims(own(app_of_both, *apis))["aud"] == (aud or config.current().issuer)


# Section 4, at our own endpoints


def forged(claims: dict[str, Any], **changes: Any) -> str:
    kind = {"typ": "at+jwt", "alg": "ES256"} | {name: changes.pop(name) for name in ("typ", "alg") if name in changes}
    kept = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.sign(signing_keys.signer(kind["alg"]), kept, kind["typ"])


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"typ": "at+jwt", "alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in parts) + "."


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT"])
def test_both_forms_of_the_type_are_read(web_app: App, alice: Person, typ: str) -> None:
    """Section 4."""
    claims = jwt.peek_claims(tokens_for(alice.id, web_app)["access_token"])
    assert send("/oauth/userinfo", headers=bearer(forged(claims, typ=typ)), method="GET").status == 200


@pytest.mark.parametrize(
    "wrong",
    [{"typ": "JWT"}, {"typ": "logout+jwt"}, {"typ": "token-introspection+jwt"}, {"iss": "https://evil.example"},
     {"iss": None}, {"aud": OTHER}, {"aud": []}, {"aud": None}, {"exp": 1}, {"exp": None}, {"iat": None}, {"jti": None},
     {"client_id": None}, {"sub": None}, {"client_id": "nobody"}, {"iat": 4_000_000_000, "exp": 4_000_003_600}],
)  # fmt: skip
@pytest.mark.parametrize("alg", resource_wishes.ALGS)
def test_what_breaks_one_rule_is_refused(web_app: App, alice: Person, wrong: dict[str, Any], alg: str) -> None:
    """Section 4: type, issuer, audience, expiry; signed with our own key, and still none."""
    claims = jwt.peek_claims(tokens_for(alice.id, web_app)["access_token"])
    token = forged(claims, **wrong, alg=alg)
    assert send("/oauth/userinfo", headers=bearer(token), method="GET").error == (401, "invalid_token")


def test_an_unsigned_one_is_refused(web_app: App, alice: Person) -> None:
    """Section 4: `none` MUST be rejected."""
    token = unsigned(jwt.peek_claims(tokens_for(alice.id, web_app)["access_token"]))
    assert send("/oauth/userinfo", headers=bearer(token), method="GET").error == (401, "invalid_token")


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_an_id_token_is_none_whatever_signed_it(alice: Person, alg: str) -> None:
    """Section 5, confusion of JWTs."""
    app = protocol.register(id_token_alg=alg)
    token = tokens_for(alice.id, app)["id_token"]
    assert send("/oauth/userinfo", headers=bearer(token), method="GET").error == (401, "invalid_token")
    assert introspect(app, token).json == {"active": False}
