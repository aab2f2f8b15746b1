"""docs/gateways.md says what is so."""

from __future__ import annotations

import re
import tomllib

import pytest

from authserver.domain.access import gateway_routes, scopes
from authserver.domain.running import declaration
from tests.support.served import ROOT

TEXT = (ROOT / "docs" / "gateways.md").read_text("utf-8")


@pytest.mark.usefixtures("app")
def test_the_route_table_can_be_applied_and_means_what_its_comments_say() -> None:
    declaration.apply(tomllib.loads(re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)[0]))
    table = gateway_routes.get("orders")
    assert table.needed("GET", "/orders/7") == ("workflows:read",)
    assert table.needed("GET", "/orders/7/lines") is None
    assert table.needed("POST", "/orders") == ("workflows:write", "analytics:read")
    assert table.needed("DELETE", "/reports/a/b") == ("analytics:read",)
    assert table.needed("GET", "/account") == ()
    assert table.needed("GET", "/health") == (gateway_routes.PUBLIC,)
    assert table.origins == {"https://app.example.com", "http://localhost:3000"}


def test_every_file_it_names_is_there() -> None:
    named = {*re.findall(r"\]\(\.\./(.*?)\)", TEXT), *re.findall(r"\b(deploy/[\w./-]*\w)", TEXT)}
    assert len(named) > 5
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_every_built_in_need_exists() -> None:
    for methods, scope in re.findall(r"`(workflows:\w+)` for ([A-Z, ]+)", TEXT):
        for method in scope.split(", "):
            assert gateway_routes.BY_METHOD[method.strip()] == methods
    assert set(gateway_routes.BY_METHOD) == gateway_routes.METHODS


@pytest.mark.usefixtures("app")
def test_scopes_in_the_samples_exist() -> None:
    for file in ("nginx.conf", "Caddyfile", "traefik/dynamic.yaml", "envoy.yaml"):
        text = (ROOT / "deploy" / file).read_text("utf-8")
        assert set(re.findall(r"\b[a-z]+:(?:read|write|delete)\b", text)) <= set(scopes.all())
