"""Clients that prove who they are with a JWT of their own key (RFC 7523 sections 2.2 and 3, OIDC Core section 9)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from authserver import config, database
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.tokens.client_assertions import TYPE
from authserver.errors import Invalid
from authserver.lib import clock
from authserver.models import CacheVersion, Client
from tests.support import own_jwts, parallel, protocol
from tests.support.own_jwts import claims, key_set, pair, signed
from tests.support.protocol import App, Reply
from tests.support.tables import rows

REFUSED = (400, "invalid_client")
MACHINE: dict[str, Any] = {
    "kind": "machine",
    "grant_types": ("client_credentials",),
    "token_endpoint_auth_method": "private_key_jwt",
}


@pytest.fixture
def keyed() -> App:
    """A confidential app that signs with its own key, and has no secret."""
    return protocol.register(token_endpoint_auth_method="private_key_jwt", jwks=key_set(pair(), pair("RS256")))


def assertion(app: App, key: Any = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
    said = claims(app.id, aud=config.current().issuer) | changes
    kept = {name: value for name, value in said.items() if value is not None}
    return signed(key or pair(), kept, **header or {})


def ask(presented: str, path: str = "/oauth/token", **fields: Any) -> Reply:
    given = {"client_assertion_type": TYPE, "client_assertion": presented}
    if path == "/oauth/token":
        given["grant_type"] = "client_credentials"
    sent = {name: value for name, value in (given | fields).items() if value is not None}
    return protocol.send(path, sent)


def test_an_assertion_authenticates_its_client(keyed: App) -> None:
    reply = ask(assertion(keyed))
    assert reply.status == 200
    assert protocol.claims(reply.json["access_token"])["client_id"] == keyed.id


def test_such_an_app_has_no_secret(app: Flask) -> None:
    row, secret = clients.register(
        None, Registration(name="Job", scopes=("workflows:read",), jwks=key_set(pair()), **MACHINE)
    )
    assert secret is None
    assert ask(own_jwts.own(row.id, aud=config.current().issuer)).status == 200


@rows("aud", ["{issuer}", "{issuer}/oauth/token", ["{issuer}"]])
def test_it_is_for_the_issuer_or_the_token_endpoint(keyed: App, aud: Any) -> None:
    issuer = config.current().issuer
    said = [each.format(issuer=issuer) for each in aud] if isinstance(aud, list) else aud.format(issuer=issuer)
    assert ask(assertion(keyed, aud=said)).status == 200


@rows("alg", ["ES256", "RS256"])
def test_any_registered_key_does(keyed: App, alg: str) -> None:
    key = pair() if alg == "ES256" else pair(alg)
    assert ask(assertion(keyed, key)).status == 200


@rows("alg", ["ES256", "RS256"])
def test_an_app_that_named_its_algorithm_signs_with_no_other(keyed: App, alg: str) -> None:
    """OpenID Connect Registration 1.0, section 2: `token_endpoint_auth_signing_alg`."""
    protocol.change(keyed, auth_signing_alg=alg)
    found = {each: ask(assertion(keyed, key)).status for each, key in (("ES256", pair()), ("RS256", pair("RS256")))}
    assert [each for each, status in found.items() if status == 200] == [alg]


WRONG: dict[str, dict[str, Any]] = {
    "for an API": {"aud": own_jwts.API},
    "for another server": {"aud": "https://other.example.com"},
    "for us and somebody else": {"aud": ["{issuer}", "https://other.example.com"]},
    "for nobody": {"aud": None},
    "of another issuer": {"iss": "cl_Somebody0000000000000"},
    "about another client": {"sub": "cl_Somebody0000000000000"},
    "without an end": {"exp": None},
    "over": {"exp": 1_000_000_000},
    "that lives for days": {"exp": 99_999_999_999},
    "not valid yet": {"nbf": 99_999_999_999},
    "without jti": {"jti": None},
    "with a jti that is no text": {"jti": 7},
    "with a jti that is too long": {"jti": "x" * 256},
}


@rows("name", WRONG)
def test_one_that_is_wrong_is_refused(keyed: App, name: str) -> None:
    said = json.loads(json.dumps(WRONG[name]).replace("{issuer}", config.current().issuer))
    reply = ask(assertion(keyed, **said))
    assert reply.error == REFUSED


@rows("header", [{"alg": "none"}, {"kid": "another"}])
def test_a_header_that_leads_to_no_key_is_refused(keyed: App, header: dict[str, Any]) -> None:
    token = assertion(keyed)
    if header.get("alg") == "none":
        token = (
            own_jwts.unsigned(token)
            if hasattr(own_jwts, "unsigned")
            else "eyJhbGciOiJub25lIn0." + token.split(".")[1] + "."
        )
    else:
        token = assertion(keyed, header=header)
    assert ask(token).error == REFUSED


def test_a_key_of_somebody_else_is_refused(keyed: App) -> None:
    assert ask(assertion(keyed, pair("ES256", 7), header={"kid": "ES256-0"})).error == REFUSED


def test_one_whose_client_id_beside_it_differs_is_refused(keyed: App, mallorys_app: App) -> None:
    assert ask(assertion(keyed), client_id=keyed.id).status == 200
    assert ask(assertion(keyed), client_id=mallorys_app.id).error == REFUSED


@rows("kind", ["urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "", None])
def test_its_type_has_to_be_said(keyed: App, kind: str | None) -> None:
    assert ask(assertion(keyed), client_assertion_type=kind).error == REFUSED


def test_one_is_good_once(keyed: App) -> None:
    token = assertion(keyed)
    assert ask(token).status == 200
    assert ask(token).error == ask(token, "/oauth/revoke", token="x").error == REFUSED


def test_one_of_a_hundred_at_once_succeeds(keyed: App) -> None:
    token = assertion(keyed)
    found = parallel.together(12, lambda _number: ask(token).status)
    assert sorted(found) == [200] + [400] * 11


def test_what_was_refused_for_another_reason_is_used_up_by_nobody(keyed: App) -> None:
    token = assertion(keyed)
    assert ask(token, client_id="cl_Somebody0000000000000").error == REFUSED
    assert ask(token).status == 200


def test_a_secret_does_not_do_for_it(keyed: App) -> None:
    """One that it had before stays where it is, and opens nothing."""
    assert protocol.client_credentials(keyed).status == 401
    assert protocol.send("/oauth/token", {"grant_type": "client_credentials"} | keyed.post).error == REFUSED


def test_an_assertion_does_not_do_for_who_registered_a_secret(web_app: App) -> None:
    assert ask(assertion(web_app)).error == REFUSED


@rows("path", ["/oauth/revoke", "/oauth/introspect"])
def test_it_authenticates_at_every_endpoint(keyed: App, path: str) -> None:
    issuer = config.current().issuer
    assert ask(assertion(keyed), path, token="nothing").status == 200
    assert ask(assertion(keyed, aud=f"{issuer}{path}"), path, token="nothing").status == 200


def test_an_assertion_is_no_credential_of_the_api(keyed: App) -> None:
    reply = ask(assertion(keyed), "/oauth/introspect", token=assertion(keyed))
    assert reply.json == {"active": False}


def test_the_metadata_say_so(app: Flask) -> None:
    found = app.test_client().get("/.well-known/oauth-authorization-server").get_json()
    assert found["token_endpoint_auth_methods_supported"][0] == "private_key_jwt"
    assert "ES256" in found["token_endpoint_auth_signing_alg_values_supported"]


def test_it_needs_keys(app: Flask) -> None:
    with pytest.raises(Invalid) as refused:
        clients.register(None, Registration(name="Job", scopes=("workflows:read",), **MACHINE))
    assert "public keys" in refused.value.problems["token_endpoint_auth_method"]


def test_time_is_judged_with_leeway(keyed: App) -> None:
    assert ask(assertion(keyed, exp=clock.now() - 30)).status == 200


def test_a_key_that_was_registered_at_another_worker_a_moment_ago_works(keyed: App) -> None:
    """A rotation fails no request (security.md 13.3.4)."""
    assert ask(assertion(keyed)).status == 200
    new = pair("ES256", 3)
    with database.transaction() as session:  # as another process changes it, of which this one hears by asking
        session.get_one(Client, keyed.id).jwks = key_set(pair(), new)
        session.execute(update(CacheVersion).values(version=CacheVersion.version + 1))
    assert ask(assertion(keyed, new)).status == 200
