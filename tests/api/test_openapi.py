"""The document and the routes say the same, and no request that it allows ends in a fault."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from flask import Flask

from authserver import api, oauth
from authserver.edge import json_errors
from tests.api.conftest import Caller, key_of
from tests.conftest import Person

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def overrides(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"demo": getattr(request, "param", True)}


@pytest.fixture
def document(call: Caller) -> dict[str, Any]:
    return call("GET", "/openapi.json").json


def operations(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in document["paths"].items() for method in item if method in METHODS}


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator  # takes seconds, of every worker if it stood above

    OpenAPIV31SpecValidator(document).validate()


def test_every_operation_of_the_document_is_a_route_and_every_route_is_in_it(document: dict[str, Any]) -> None:
    routes = {(route.method, route.path) for route in (*api.ROUTES, *api.DEMO_ROUTES)}
    # What stands for everything below it has no path of its own.
    served = {path: endpoint for path, endpoint in oauth.ENDPOINTS.items() if not path.endswith("/")}
    protocol = {(method, path) for path, endpoint in served.items() for method in endpoint.methods or ()}
    assert operations(document) == routes | protocol | {("GET", "/openapi.json")}


def test_what_the_document_names_is_served(app: Flask, call: Caller, document: dict[str, Any]) -> None:
    for method, path in operations(document):
        answer = call(method, re.sub(r"\{.*?\}", "some-id", path))
        assert answer.status not in (404, 405), (method, path)


@pytest.mark.parametrize("overrides", [False], indirect=True)
def test_the_demo_api_runs_in_the_demo_alone(call: Caller, alice: Person, document: dict[str, Any]) -> None:
    assert not [path for path in document["paths"] if path.startswith("/demo")]
    assert "Workflow" not in document["components"]["schemas"]
    assert call("GET", "/demo/v1/workflows", key_of(alice)).status == 404


def test_every_schema_is_used_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    used = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert used == set(document["components"]["schemas"])


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [item[method]["operationId"] for item in document["paths"].values() for method in item]
    assert len(set(names)) == len(names)
    assert not [name for name in names if not re.fullmatch("[a-z]+(_[a-z]+)+", name)]


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("GET /v1/me", "get_me"),
        ("GET /v1/api-keys", "list_api_keys"),
        ("POST /v1/api-keys", "create_api_key"),
        ("GET /v1/api-keys/{id}", "get_api_key"),
        ("PATCH /v1/api-keys/{id}", "update_api_key"),
        ("DELETE /v1/api-keys/{id}", "revoke_api_key"),
        ("POST /v1/api-keys/{id}/rotate", "rotate_api_key"),
        ("DELETE /v1/clients/{id}", "delete_client"),
        ("GET /v1/clients/{id}/secrets", "list_client_secrets"),
        ("POST /v1/clients/{id}/secrets", "rotate_client_secret"),
        ("DELETE /v1/clients/{id}/secrets/{secret_id}", "end_client_secret"),
        ("GET /v1/webhooks/{id}/deliveries", "list_webhook_deliveries"),
        ("POST /v1/webhooks/{id}/deliveries/{delivery_id}/resend", "resend_webhook_delivery"),
        ("POST /v1/webhooks/{id}/secret", "rotate_webhook_secret"),
        ("POST /v1/webhooks/{id}/test", "test_webhook"),
        ("DELETE /v1/signing-keys/{kid}", "retire_signing_key"),
        ("POST /v1/leaks", "report_leak"),
        ("GET /demo/v1/workflows/analytics", "get_workflow_analytics"),
        ("PUT /demo/v1/workflows/{id}", "replace_workflow"),
        ("POST /oauth/token", "request_token"),
        ("GET /oauth/userinfo", "get_userinfo"),
    ],
)
def test_generated_clients_call_an_operation_by_what_it_does(
    document: dict[str, Any], operation: str, name: str
) -> None:
    method, path = operation.split()
    assert document["paths"][path][method.lower()]["operationId"] == name
    assert re.fullmatch("[a-z]+(_[a-z]+)+", name)


# Names that generated clients have for something of their own (oapi-codegen, openapi-python-client, openapi-generator).
TAKEN = {"Client", "NewClient", "ClientInterface", "ClientOption", "AuthenticatedClient", "ApiClient", "ApiException",
         "Configuration", "Response", "RequestEditorFn", "HttpRequestDoer", "Server", "Unset", "File"}  # fmt: skip


def schemas(found: Any) -> list[dict[str, Any]]:
    """Every object of the document, however deep."""
    if isinstance(found, list):
        return [each for item in found for each in schemas(item)]
    if not isinstance(found, dict):
        return []
    return [found, *(each for value in found.values() for each in schemas(value))]


def test_no_schema_has_a_name_that_generated_clients_take_themselves(document: dict[str, Any]) -> None:
    assert not TAKEN & document["components"]["schemas"].keys()


def test_no_member_has_two_types_but_for_null(document: dict[str, Any]) -> None:
    kinds = [each["type"] for each in schemas(document) if isinstance(each.get("type"), list)]
    assert kinds and not [kind for kind in kinds if len(kind) != 2 or kind[1] != "null"]


def test_a_form_says_nothing_of_other_members(document: dict[str, Any]) -> None:
    """They are allowed; said in words, openapi-generator leaves the form's own ones out."""
    forms = [
        each["application/x-www-form-urlencoded"]["schema"]
        for each in schemas(document)
        if "application/x-www-form-urlencoded" in each
    ]
    assert forms and not [form for form in forms if "additionalProperties" in form]


def test_the_document_may_be_read_from_anywhere_and_kept(call: Caller) -> None:
    answer = call("GET", "/openapi.json", Origin="https://tool.example")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["ETag"] and "max-age" in answer.headers["Cache-Control"]


def test_the_page_shows_every_operation(app: Flask, document: dict[str, Any]) -> None:
    page = app.test_client().get("/docs")
    assert page.status_code == 200
    for method, path in operations(document):
        assert f"{method} {path}" in page.text


def test_introspection_is_described_for_bearers_too(document: dict[str, Any]) -> None:
    said = document["paths"]["/oauth/introspect"]["post"]
    assert {"client": []} in said["security"] and {"bearer": ["introspect"]} in said["security"]
    assert {"400", "401", "403"} <= said["responses"].keys()
    form = said["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    assert form["rate_limit"]["enum"] == ["consume"] and "client_ip" in form


def test_limit_headers_are_promised_only_where_they_always_come(call: Caller, alice: Person) -> None:
    said = call("GET", "/openapi.json").json["paths"]["/v1/me"]["get"]["responses"]
    for status, credential in (("200", key_of(alice)), ("401", "kaie_ak_wrong")):
        given = call("GET", "/v1/me", credential).headers
        for name, header in said[status]["headers"].items():
            assert header["required"] is (name in given)


def test_every_error_code_that_the_source_names_is_in_the_document(document: dict[str, Any]) -> None:
    told = document["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    source = inspect.getsource(json_errors)
    written = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+|CONFLICT)"', source[source.index("class ApiError") :]))
    assert written | set(json_errors._CODES.values()) == set(told)
