"""GET /.well-known/oauth-protected-resource[/…]: what each API here needs, and which server gives tokens for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from authserver import api
from authserver.domain.access import resources, scopes
from authserver.edge.exchange import Incoming
from authserver.errors import Invalid
from authserver.oauth.endpoints import protected_resource_metadata
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App, send

ISSUER = "http://localhost:8000"
PATH = "/.well-known/oauth-protected-resource"
WITH_PATH = {"issuer": "https://example.com/auth"}


def get(http: FlaskClient, tail: str = "", **headers: str) -> Any:
    return http.get(PATH + tail, headers={name.replace("_", "-"): value for name, value in headers.items()})


def document(http: FlaskClient, tail: str = "") -> dict[str, Any]:
    reply = get(http, tail)
    assert reply.status_code == 200, tail
    assert reply.content_type == "application/json"
    return dict(reply.json)


def test_the_api_is_described_at_its_path(http: FlaskClient) -> None:
    assert document(http, "/v1") == {
        "resource": f"{ISSUER}/v1",
        "authorization_servers": [ISSUER],
        "scopes_supported": ["keys:manage", "settings:manage", "admin"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Kaie API",
        "resource_documentation": f"{ISSUER}/docs",
    }


def test_the_scopes_of_the_api_are_those_that_its_operations_ask_for() -> None:
    asked_for = {scope for route in api.ROUTES for scope in route.scopes}
    assert set(protected_resource_metadata.API_SCOPES) == asked_for


def test_the_bare_document_is_the_issuers_own(http: FlaskClient) -> None:
    scopes.create(scopes.ScopeFacts("reports:read", "See reports", resource=protocol.add_resource("https://r.example")))
    found = document(http)
    assert found["resource"] == ISSUER
    assert {"openid", "introspect", "workflows:read", "admin"} <= set(found["scopes_supported"])
    assert not {"reports:read", "offline_access"} & set(found["scopes_supported"])


def test_its_documentation_is_there(http: FlaskClient) -> None:
    assert http.get(document(http, "/v1")["resource_documentation"].removeprefix(ISSUER)).status_code == 200


def test_a_registered_resource_of_our_host_is_described_with_the_scopes_it_owns(http: FlaskClient) -> None:
    resources.create(f"{ISSUER}/reports", "Reports")
    assert "scopes_supported" not in document(http, "/reports")
    scopes.create(scopes.ScopeFacts("reports:read", "See your reports", resource=f"{ISSUER}/reports"))
    assert document(http, "/reports") == {
        "resource": f"{ISSUER}/reports",
        "authorization_servers": [ISSUER],
        "scopes_supported": ["reports:read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Reports",
    }


@pytest.mark.parametrize(
    ("identifier", "asked"),
    [
        ("/a%20b", "/a%20b"), ("/a%C3%A9", "/a%C3%A9"), ("/q?tenant=1", "/q?tenant=1"), ("/slash/", "/slash/"),
        ("/deep/er/api", "/deep/er/api"), ("/plain", "/plain?utm=1"), ("/?tenant=2", "?tenant=2"),
    ],
)  # fmt: skip
def test_an_identifier_is_found_however_it_is_spelt(http: FlaskClient, identifier: str, asked: str) -> None:
    resources.create(ISSUER + identifier, "An API")
    assert document(http, asked)["resource"] == ISSUER + identifier


@pytest.mark.parametrize(
    "tail",
    [
        "/", "/nothing", "/v1/", "/v1/me", "//v1", "/V1", "/theirs", "/x/theirs", "/https://theirs.example/theirs",
        "/q", "/q?tenant=2", "/port", "/evil", "/urn", ":8000/v1", "/%00", "/\xe9", "/v1%00", "/demo/v1",
    ],
)  # fmt: skip
def test_what_is_unknown_or_described_elsewhere_is_a_clean_404(http: FlaskClient, tail: str) -> None:
    others = (
        "https://theirs.example/theirs", "http://localhost:8001/port", f"{ISSUER}.evil.example/evil",
        f"{ISSUER}/q?tenant=1", "urn:example:urn",
    )  # fmt: skip
    for each in others:
        protocol.add_resource(each)
    reply = get(http, tail)
    assert reply.status_code == 404
    assert reply.json["error"] == "not_found"
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("overrides", [{"demo": True}])
def test_the_demo_api_is_described_and_documented(http: FlaskClient) -> None:
    resources.create(f"{ISSUER}/demo/v1", "Demo API")
    found = document(http, "/demo/v1")
    assert (found["resource_name"], found["resource_documentation"]) == ("Demo API", f"{ISSUER}/docs")
    answer = http.get("/demo/v1/workflows")
    assert f'resource_metadata="{ISSUER}{PATH}/demo/v1"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("overrides", [WITH_PATH])
@pytest.mark.parametrize(
    ("asked", "resource"),
    [
        (f"{PATH}/auth", "https://example.com/auth"), (f"/auth{PATH}", "https://example.com/auth"),
        (f"{PATH}/auth/v1", "https://example.com/auth/v1"), (f"/auth{PATH}/v1", "https://example.com/auth/v1"),
        (f"{PATH}/reports", "https://example.com/reports"), (f"{PATH}/auth/own", "https://example.com/auth/own"),
        (f"/auth{PATH}/own", "https://example.com/auth/own"),
    ],
)  # fmt: skip
def test_an_issuer_with_a_path_is_described_under_both_spellings(http: FlaskClient, asked: str, resource: str) -> None:
    for each in ("https://example.com/reports", "https://example.com/auth/own"):
        protocol.add_resource(each)
    reply = http.get(asked)
    assert reply.status_code == 200, asked
    assert reply.json and reply.json["resource"] == resource
    assert reply.json["authorization_servers"] == ["https://example.com/auth"]


@pytest.mark.parametrize("overrides", [WITH_PATH])
def test_a_challenge_names_the_inserted_spelling(http: FlaskClient) -> None:
    challenge = http.get("/auth/v1/me").headers["WWW-Authenticate"]
    assert f'resource_metadata="https://example.com{PATH}/auth/v1"' in challenge


def test_it_is_kept_for_five_minutes_and_read_from_everywhere(http: FlaskClient) -> None:
    reply = get(http, "/v1", Origin="https://anywhere.example")
    assert reply.headers["Cache-Control"] == "public, max-age=300"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in reply.headers


def test_a_reader_that_has_it_gets_304_until_it_changes(http: FlaskClient) -> None:
    tag = get(http).headers["ETag"]
    again = get(http, If_None_Match=tag)
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    scopes.create(scopes.ScopeFacts("reports:read", "See your reports"))
    assert get(http, If_None_Match=tag).status_code == 200


def test_it_follows_the_table_of_resources(http: FlaskClient) -> None:
    resources.create(f"{ISSUER}/reports", "Reports")
    assert document(http, "/reports")["resource_name"] == "Reports"
    resources.update(f"{ISSUER}/reports", "All reports")
    assert document(http, "/reports")["resource_name"] == "All reports"
    resources.remove(f"{ISSUER}/reports")
    assert get(http, "/reports").status_code == 404


def test_it_costs_no_statement_known_or_not(statements: Callable[[], Any]) -> None:
    send(PATH, method="GET")
    with statements() as sent:
        assert [send(path, method="GET").status for path in (PATH, f"{PATH}/v1")] == [200, 200]
        assert _below("/nothing") == 404
    assert sent == []


def _below(tail: str) -> int:
    incoming = Incoming("GET", PATH + tail, "", {}, b"", "192.0.2.7")
    return protected_resource_metadata.respond(incoming).status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_it_is_only_read(http: FlaskClient, method: str) -> None:
    assert http.open(f"{PATH}/v1", method=method).status_code == 405


# ---- the way of a client that knows nothing but the address of the API ------------------------------------------


def test_the_401_of_the_api_leads_to_the_server_and_to_a_token_that_is_good_there(
    http: FlaskClient, web_app: App
) -> None:
    refused = http.get("/v1/me")
    assert refused.status_code == 401
    resource = _followed(http, refused.headers["WWW-Authenticate"])
    assert f"{ISSUER}/v1/me".startswith(resource["resource"] + "/")  # else a client must not use it (section 3.3)
    server = _fetch(http, resource["authorization_servers"][0] + "/.well-known/oauth-authorization-server")
    assert server["issuer"] == resource["authorization_servers"][0]
    assert resource["resource"] in server["protected_resources"]
    fields = {"grant_type": "client_credentials", "resource": resource["resource"], "scope": "workflows:read"}
    token = send(urlsplit(server["token_endpoint"]).path, fields, web_app.basic).json["access_token"]
    assert protocol.claims(token)["aud"] == f"{ISSUER}/v1"
    assert http.get("/v1/me", headers=protocol.bearer(token)).status_code == 200


def _followed(http: FlaskClient, challenge: str) -> dict[str, Any]:
    found = re.search(r'resource_metadata="([^"]+)"', challenge)
    assert found is not None, challenge
    return _fetch(http, found[1])


def _fetch(http: FlaskClient, url: str) -> dict[str, Any]:
    assert url.startswith(f"{ISSUER}/")
    reply = http.get(url.removeprefix(ISSUER))
    assert reply.status_code == 200, url
    return dict(reply.json or {})


def test_a_person_lets_an_app_ask_for_the_api_alone(http: FlaskClient, web_app: App, alice: Person) -> None:
    tokens = protocol.tokens_for(alice.id, web_app, resources=[f"{ISSUER}/v1"])
    assert http.get("/v1/me", headers=protocol.bearer(tokens["access_token"])).status_code == 200
    again = protocol.refresh(web_app, tokens["refresh_token"], resource=f"{ISSUER}/v1")
    assert protocol.claims(again.json["access_token"])["aud"] == f"{ISSUER}/v1"


def test_a_token_for_the_issuer_is_narrowed_to_the_api_and_not_widened_back(web_app: App, alice: Person) -> None:
    wide = protocol.exchange(web_app, protocol.allow(alice.id, web_app), resource=f"{ISSUER}/v1")
    assert protocol.claims(wide.json["access_token"])["aud"] == f"{ISSUER}/v1"
    code = protocol.allow(alice.id, web_app, resources=[f"{ISSUER}/v1"])
    assert protocol.exchange(web_app, code, resource=ISSUER).error == (400, "invalid_target")


def test_a_token_for_the_api_alone_is_good_nowhere_else(http: FlaskClient, web_app: App, alice: Person) -> None:
    token = protocol.tokens_for(alice.id, web_app, resources=[f"{ISSUER}/v1"])["access_token"]
    for path in ("/oauth/userinfo", "/gateway/auth/any", "/gateway/auth/workflows:read"):
        assert http.get(path, headers=protocol.bearer(token)).status_code == 401, path
    introspection = send("/oauth/introspect", {"token": token}, protocol.bearer(token))
    assert introspection.status == 401


@pytest.mark.parametrize("path", ["/v1/me", "/v1/api-keys", "/v1/nothing"])
@pytest.mark.parametrize("value", ["kaie_ak_wrong", "garbage"])
def test_every_401_of_the_api_says_where_it_is_described(http: FlaskClient, path: str, value: str) -> None:
    challenge = http.get(path, headers=protocol.bearer(value)).headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="kaie", error="invalid_token"')
    assert challenge.endswith(f', resource_metadata="{ISSUER}{PATH}/v1"')


def test_a_403_names_it_beside_the_scope_that_is_needed(http: FlaskClient, web_app: App) -> None:
    token = protocol.client_credentials(web_app, scope="workflows:read").json["access_token"]
    reply = http.get("/v1/api-keys", headers=protocol.bearer(token))
    assert reply.status_code == 403
    assert f'scope="keys:manage", resource_metadata="{ISSUER}{PATH}/v1"' in reply.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("needed", "original", "named"),
    [
        ("reports:read", "/reports/7", True), ("reports:read", "/reports?x=1", True),
        ("reports:read", "/reportsx", False), ("reports:read", "/other", False), ("reports:read", "", False),
        ("any", "/reports/7", False), ("workflows:read", "/reports/7", False), ("far:read", "/reports/7", False),
    ],
)  # fmt: skip
def test_a_gateway_names_a_description_only_where_the_resource_is_at_our_host(
    http: FlaskClient, needed: str, original: str, named: bool
) -> None:
    for scope, identifier in (("reports:read", f"{ISSUER}/reports"), ("far:read", "https://far.example/reports")):
        scopes.create(scopes.ScopeFacts(scope, "See reports", resource=protocol.add_resource(identifier)))
    sent = {"X-Original-URI": original} if original else {}
    reply = http.get(f"/gateway/auth/{needed}", headers=sent)
    assert reply.status_code == 401
    expected = f', resource_metadata="{ISSUER}{PATH}/reports"' if named else ""
    assert reply.headers["WWW-Authenticate"] == f'Bearer realm="kaie"{expected}'


@pytest.mark.parametrize("identifier", [ISSUER, f"{ISSUER}/v1"])
def test_nobody_registers_our_own_resources(app: object, identifier: str) -> None:
    with pytest.raises(Invalid):
        resources.create(identifier, "Mallory's API")
