"""The permission matrix (ASVS 8.1.1): every route of the API, and who gets past its door."""

from __future__ import annotations

import re
from typing import Any

import pytest

from authserver import api
from authserver.edge.api_call import Route
from tests.api.conftest import Caller, client_token, key_of, token_of
from tests.conftest import Person

# Who may call which operation: the letters of those who get past, of
#   r Read Only key   w Read/Write key   f Full Access key (not an administrator's)   a Full Access key of an
#   administrator   t token of a person without a scope   o token of a person with the scope account   c token of a
#   client of its own
# An operation that is missing here fails the test: every new one needs a thought.
MATRIX = {
    "GET /v1/me": "rwfatoc",
    "GET /v1/api-keys": "fa", "POST /v1/api-keys": "fa", "GET /v1/api-keys/{id}": "fa",
    "PATCH /v1/api-keys/{id}": "fa",
    "DELETE /v1/api-keys/{id}": "fa", "POST /v1/api-keys/{id}/rotate": "fa",
    "GET /v1/clients": "fa", "POST /v1/clients": "fa", "GET /v1/clients/{id}": "fa", "PATCH /v1/clients/{id}": "fa",
    "DELETE /v1/clients/{id}": "fa", "GET /v1/clients/{id}/secrets": "fa", "POST /v1/clients/{id}/secrets": "fa",
    "DELETE /v1/clients/{id}/secrets/{secret_id}": "fa", "POST /v1/clients/{id}/transfer": "fa",
    "DELETE /v1/clients/{id}/transfer": "fa", "POST /v1/clients/{id}/transfer/accept": "fa",
    "GET /v1/webhooks": "fa", "POST /v1/webhooks": "fa", "GET /v1/webhooks/{id}": "fa", "PATCH /v1/webhooks/{id}": "fa",
    "DELETE /v1/webhooks/{id}": "fa", "POST /v1/webhooks/{id}/secret": "fa", "POST /v1/webhooks/{id}/test": "fa",
    "POST /v1/webhooks/{id}/verify": "fa", "POST /v1/webhooks/{id}/replay": "fa",
    "GET /v1/webhooks/{id}/deliveries": "fa", "GET /v1/webhooks/{id}/deliveries/{delivery_id}": "fa",
    "POST /v1/webhooks/{id}/deliveries/{delivery_id}/resend": "fa",
    "GET /v1/users": "rwfato", "POST /v1/users": "a", "GET /v1/users/{id}": "rwfatoc", "PATCH /v1/users/{id}": "a",
    "DELETE /v1/users/{id}": "a", "POST /v1/users/{id}/restore": "a",
    "GET /v1/grants": "rwfao", "GET /v1/grants/{id}": "rwfao", "DELETE /v1/grants/{id}": "fa",
    "GET /v1/sessions": "rwfao", "DELETE /v1/sessions/{id}": "fa",
    "GET /v1/resources": "a", "POST /v1/resources": "a", "GET /v1/resources/{id}": "a", "PATCH /v1/resources/{id}": "a",
    "DELETE /v1/resources/{id}": "a",
    "GET /v1/registration-tokens": "a", "POST /v1/registration-tokens": "a", "GET /v1/registration-tokens/{id}": "a",
    "DELETE /v1/registration-tokens/{id}": "a",
    "GET /v1/signing-keys": "a", "POST /v1/signing-keys": "a", "DELETE /v1/signing-keys/{kid}": "a",
    "GET /v1/audit-events": "fa",
    "GET /v1/usage": "rwfaoc",
    "GET /v1/errors": "rwfatoc", "GET /v1/errors/{id}": "rwfatoc",
    "POST /v1/leaks": "rwfatoc",
    "GET /demo/v1/workflows": "rwfa", "POST /demo/v1/workflows": "wfa", "GET /demo/v1/workflows/analytics": "rwfa",
    "GET /demo/v1/workflows/{id}": "rwfa", "PATCH /demo/v1/workflows/{id}": "wfa",
    "PUT /demo/v1/workflows/{id}": "wfa", "DELETE /demo/v1/workflows/{id}": "fa",
}  # fmt: skip
ROUTES = (*api.ROUTES, *api.DEMO_ROUTES)
UNSAFE_BODY = b"[]"  # past the door it is refused by the handler's own rules: nothing is changed here


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"demo": True}


@pytest.fixture
def credentials(alice: Person, ada: Person) -> dict[str, str]:
    return {
        "r": key_of(alice, "read_only"),
        "w": key_of(alice, "read_write"),
        "f": key_of(alice, "full_access"),
        "a": key_of(ada, "full_access"),
        "t": token_of(alice),
        "o": token_of(alice, "account"),
        "c": client_token(alice, "triggers:write"),
    }


def ask(call: Caller, route: Route, credential: str | None) -> Any:
    path = re.sub(r"\{.*?\}", "no-such-thing", route.path)
    return call(route.method, path, credential, UNSAFE_BODY if route.body is not None else None)


def test_every_operation_is_in_the_matrix() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES} == set(MATRIX)


def test_nobody_gets_in_without_a_credential(call: Caller) -> None:
    for route in ROUTES:
        answer = ask(call, route, None)
        if route.open:
            assert answer.status != 401
        else:
            assert answer.error == (401, "MISSING_AUTHENTICATION"), route.path


def test_each_credential_gets_past_the_doors_that_are_its_own(call: Caller, credentials: dict[str, str]) -> None:
    for route in ROUTES:
        name = f"{route.method} {route.path}"
        if route.path == "/v1/signing-keys" and route.method == "POST":
            continue  # without a body it makes keys, which takes its time: see test_others
        found = "".join(who for who, credential in credentials.items() if ask(call, route, credential).status != 403)
        assert found == MATRIX[name], name
