"""/admin/gateway-routes: administrators keep the tables that proxies name."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from authserver.domain.access import gateway_routes
from authserver.domain.record import audit
from tests.conftest import Person
from tests.support.browsing import Browser, InProcess
from tests.support.databases import ISSUER

RULES = "GET /orders/{id} workflows:read\n* /orders/** workflows:write"


@pytest.fixture
def desk(browser: Callable[[], FlaskClient], ada: Person) -> Browser:
    """An administrator's browser."""
    made = Browser(ISSUER, InProcess(browser()))
    made.fill("/login?next=/apps", email=ada.email, password=ada.password)
    return made


def test_a_table_is_added_changed_and_deleted(desk: Browser) -> None:
    answer = desk.fill("/admin/gateway-routes/new", name="orders", rules=RULES)
    assert "orders is there" in answer.text
    assert gateway_routes.written(gateway_routes.get("orders")) == RULES
    desk.fill("/admin/gateway-routes/orders/edit", rules="* /**")
    assert gateway_routes.written(gateway_routes.get("orders")) == "* /**"
    desk.fill("/admin/gateway-routes/orders/delete")
    assert gateway_routes.find("orders") is None
    kinds = [event.type for event in audit.page(limit=10)[0] if event.type.startswith("route_table.")]
    assert kinds == ["route_table.deleted", "route_table.updated", "route_table.updated"]


def test_the_form_shows_the_rules_as_they_were_written(desk: Browser) -> None:
    gateway_routes.save("orders", gateway_routes.parse(RULES))
    text = html.unescape(desk.get("/admin/gateway-routes/orders/edit").text)
    assert f"{RULES}</textarea>" in text


def test_the_list_says_how_a_proxy_names_a_table(desk: Browser) -> None:
    assert "No route tables yet" in desk.get("/admin/gateway-routes").text
    gateway_routes.save("shop", gateway_routes.parse(RULES))
    text = desk.get("/admin/gateway-routes").text
    for line in ("/gateway/auth/shop;", "uri /gateway/auth/shop", "path_prefix: /gateway/envoy/shop"):
        assert line in text


@pytest.mark.parametrize(
    ("fields", "field", "status"),
    [
        ({"name": ""}, "name", 422),
        ({"name": "any"}, "name", 422),
        ({"name": "workflows:read"}, "name", 422),
        ({"name": "taken"}, "name", 409),
        ({"rules": ""}, "rules", 422),
        ({"rules": "GET"}, "rules", 422),
        ({"rules": "GET /a no:such"}, "rules", 422),
        ({"rules": "BREW /a"}, "rules", 422),
    ],
)
def test_a_bad_table_is_refused_at_its_field_and_keeps_what_was_typed(
    desk: Browser, fields: dict[str, str], field: str, status: int
) -> None:
    gateway_routes.save("taken", gateway_routes.parse("* /a"))
    before = gateway_routes.all()
    form = desk.open("/admin/gateway-routes/new").form("/new")
    answer = desk.submit(form, **({"name": "orders", "rules": RULES} | fields))
    assert (answer.status, gateway_routes.all()) == (status, before)
    assert f'href="#{field}"' in answer.text
    assert (
        fields.get("rules", "GET /orders/{id}").split()[:1] == []
        or fields.get("rules", "GET").split()[0] in answer.text
    )


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ("GET", "Line 1, GET, needs a method and a path: GET /workflows/{id}."),
        ("GET /a no:such workflows:read", "Rule 1: there is no scope no:such."),
        ("* /a\nBREW,GET /b", "Rule 2: BREW is no method."),
        ("GET a/b", "Rule 1: a/b is no path. One looks like /workflows/{id}"),
    ],
)
def test_an_error_says_which_word_of_which_rule_is_wrong(desk: Browser, rules: str, sentence: str) -> None:
    answer = desk.submit(desk.open("/admin/gateway-routes/new").form("/new"), name="orders", rules=rules)
    assert sentence in html.unescape(answer.text)


def test_a_bad_change_changes_nothing(desk: Browser) -> None:
    gateway_routes.save("orders", gateway_routes.parse(RULES))
    form = desk.open("/admin/gateway-routes/orders/edit").form("/edit")
    assert desk.submit(form, rules="nonsense").status == 422
    assert gateway_routes.written(gateway_routes.get("orders")) == RULES


@pytest.mark.parametrize("what", ["edit", "delete"])
def test_what_does_not_exist_is_not_found(desk: Browser, what: str) -> None:
    assert desk.get(f"/admin/gateway-routes/nonsense/{what}").status == 404
