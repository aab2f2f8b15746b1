"""Schemathesis asks what the document allows, and more: never a fault of ours, always the form that it promises."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from authserver.domain import outbound
from authserver.domain.signing import keys as signing_keys
from tests.api.conftest import key_of
from tests.conftest import Person

EXAMPLES = 8  # for each operation: about 25 s in all


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"demo": True}


def asking(operation: Any, key: str, checks: list[Any]) -> Any:
    @seed(7)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {key}"}
        case.validate_response(case.call(), checks=checks)

    return ask


def test_no_request_that_the_document_describes_ends_in_a_fault(
    app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_keys, "rotate", lambda algs: signing_keys.every()[:1])  # RSA takes its time
    monkeypatch.setattr(outbound, "permitted", lambda *_, **__: None)  # no names are looked up here
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    found = [each.ok() for each in schemathesis.openapi.from_wsgi("/openapi.json", app).get_all_operations()]
    ours = [each for each in found if each.path.startswith(("/v1", "/demo"))]
    assert len(ours) > 35
    for operation in ours:
        asking(operation, key_of(ada), checks)()
