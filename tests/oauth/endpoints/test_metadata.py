"""The two discovery documents say what works, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver import oauth
from authserver.domain.access import scopes
from tests.support import own_jwts, protocol
from tests.support.protocol import App, send

PATHS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


def document(path: str = PATHS[0]) -> dict[str, Any]:
    reply = send(path, method="GET")
    assert reply.status == 200
    return reply.json


def test_both_documents_are_the_same() -> None:
    assert send(PATHS[0], method="GET").body == send(PATHS[1], method="GET").body


def test_there_is_no_null_and_no_empty_list() -> None:
    assert all(value not in (None, "", []) for value in document().values())


def test_only_the_safe_ways_are_announced() -> None:
    found = document()
    assert found["issuer"] == "http://localhost:8000"
    assert found["response_types_supported"] == ["code"]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["id_token_signing_alg_values_supported"] == ["RS256", "ES256"]
    assert not {"password", "implicit"} & set(found["grant_types_supported"])


def test_the_announced_grants_are_those_that_are_registered(web_app: App) -> None:
    for grant_type in document()["grant_types_supported"]:
        assert send("/oauth/token", {"grant_type": grant_type}, web_app.basic).json.get("error") in (
            None,
            "invalid_request",
        )


def test_every_endpoint_exists(http: FlaskClient) -> None:
    for name, url in document().items():
        if name.endswith(("_endpoint", "_uri")):
            path = url.removeprefix("http://localhost:8000")
            assert http.get(path).status_code != 404, name


def test_every_announced_auth_method_works() -> None:
    for method in document()["token_endpoint_auth_methods_supported"]:
        app = protocol.register(
            token_endpoint_auth_method=method, public=method == "none", jwks=own_jwts.key_set(own_jwts.pair())
        )
        fields = {"grant_type": "refresh_token", "refresh_token": "x"}
        by = {
            "private_key_jwt": (fields | own_jwts.assertion(app.id), {}),
            "client_secret_basic": (fields, app.basic),
            "client_secret_post": (fields | app.post, {}),
            "none": (fields | {"client_id": app.id}, {}),
        }[method]
        assert send("/oauth/token", *by).error == (400, "invalid_grant")


def test_scopes_follow_the_table() -> None:
    before = document()["scopes_supported"]
    scopes.create(scopes.ScopeFacts("reports:read", "See your reports"))
    assert set(document()["scopes_supported"]) - set(before) == {"reports:read"}


def test_every_protected_resource_that_is_named_is_described(http: FlaskClient) -> None:
    for identifier in (here := "http://localhost:8000/reports", "https://elsewhere.example/reports"):
        protocol.add_resource(identifier)
    named = document()["protected_resources"]
    assert named == ["http://localhost:8000", "http://localhost:8000/v1", here]
    for each in named:
        path = "/.well-known/oauth-protected-resource" + each.removeprefix("http://localhost:8000")
        found = http.get(path).json
        assert found and (found["resource"], found["authorization_servers"]) == (each, [document()["issuer"]])


@pytest.mark.parametrize("path", PATHS)
def test_it_is_json_that_is_read_by_get(path: str) -> None:
    """RFC 8414 sections 3.1 and 3.2: GET MUST do, and the answer MUST be 200 with application/json."""
    reply = send(path, method="GET")
    assert (reply.status, reply.header("content-type")) == (200, "application/json")
    assert send(path, b"x=1").status == 405


def test_it_is_about_the_issuer_that_was_asked() -> None:
    """RFC 8414 section 3.3: `issuer` MUST be what the well-known path was put into, and every endpoint is below it."""
    said = document()
    assert said["issuer"] + PATHS[0] == "http://localhost:8000" + PATHS[0]
    urls = [url for name, url in said.items() if name.endswith(("_endpoint", "_uri", "_iframe"))]
    assert urls and all(url.startswith(said["issuer"] + "/") and "#" not in url for url in urls)


def test_clients_prove_themselves_by_signatures_that_are_named_and_never_by_none() -> None:
    """RFC 8414 section 2: where private_key_jwt is offered the algorithms MUST be named, and `none` MUST NOT be."""
    said = document()
    for endpoint in ("token", "introspection", "revocation"):
        assert "private_key_jwt" in said[f"{endpoint}_endpoint_auth_methods_supported"]
        algs = said[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert algs and "none" not in algs and not [alg for alg in algs if alg.startswith("HS")]


def test_a_reader_that_has_it_gets_304() -> None:
    tag = send(PATHS[0], method="GET").header("etag") or ""
    assert send(PATHS[1], headers={"if-none-match": tag}, method="GET").status == 304
    scopes.create(scopes.ScopeFacts("reports:read", "See your reports"))
    assert send(PATHS[1], headers={"if-none-match": tag}, method="GET").status == 200


def test_it_costs_no_statement(statements: Callable[[], Any]) -> None:
    document()
    with statements() as sent:
        document(PATHS[1])
    assert sent == []


def test_pages_everywhere_may_read_it() -> None:
    reply = send(PATHS[0], headers={"origin": "https://anywhere.example"}, method="GET")
    assert reply.header("access-control-allow-origin") == "*"
    assert reply.header("access-control-allow-credentials") is None


def test_other_well_knowns_are_clean_404s(http: FlaskClient) -> None:
    for name in ("unknown", "oauth-authorization-server/elsewhere", "webfinger"):
        assert http.get(f"/.well-known/{name}").status_code == 404


@pytest.mark.parametrize("overrides", [{"issuer": "https://example.com/auth"}])
def test_an_issuer_with_a_path_is_found_under_both_spellings() -> None:
    inserted = oauth.path_inserted()
    assert set(inserted) == {f"{path}/auth" for path in PATHS}
    found = document(f"{PATHS[0]}/auth")
    assert found["token_endpoint"] == "https://example.com/auth/oauth/token"


@pytest.mark.parametrize("overrides", [{"issuer": "https://example.com/auth"}])
def test_the_served_app_knows_both_spellings(http: FlaskClient) -> None:
    for path in (f"{PATHS[0]}/auth", f"/auth{PATHS[0]}", f"{PATHS[1]}/auth", f"/auth{PATHS[1]}"):
        reply = http.get(path)
        assert reply.status_code == 200, path
        assert reply.json and reply.json["issuer"] == "https://example.com/auth"
