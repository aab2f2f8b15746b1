"""/admin/resources."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver.domain.access import resource_scopes, resources, scopes
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.errors import Conflict
from authserver.lib import quoting
from tests.conftest import Person
from tests.support.browsing import Browser, InProcess
from tests.support.databases import ISSUER


@pytest.fixture
def desk(browser: Callable[[], FlaskClient], ada: Person) -> Browser:
    """An administrator's browser."""
    made = Browser(ISSUER, InProcess(browser()))
    made.fill("/login?next=/apps", email=ada.email, password=ada.password)
    return made


def test_an_api_is_added_changed_and_deleted(desk: Browser) -> None:
    identifier = "https://api.example.test/v2"
    desk.fill("/admin/resources/new", identifier=identifier, name="Orders API")
    assert resources.get(identifier).name == "Orders API"
    page = f"/admin/resources/edit?identifier={identifier}"
    desk.fill(page, "/admin/resources/edit", name="Orders", access_token_format="opaque")
    assert (resources.get(identifier).name, resources.get(identifier).access_token_format) == ("Orders", "opaque")
    desk.fill(f"/admin/resources/delete?identifier={identifier}", "/admin/resources/delete")
    assert resources.find(identifier) is None


def test_an_api_can_have_its_tokens_say_jwt(desk: Browser) -> None:
    identifier = "https://api.example.test/v3"
    desk.fill("/admin/resources/new", identifier=identifier, name="Old API", access_token_typ="JWT")
    assert resources.get(identifier).access_token_typ == "JWT"
    assert "type JWT" in desk.get("/admin/resources").text
    page = f"/admin/resources/edit?identifier={identifier}"
    desk.fill(page, "/admin/resources/edit", name="Old API")
    assert resources.get(identifier).access_token_typ == "JWT", "the form shows what is chosen"
    desk.fill(page, "/admin/resources/edit", name="Old API", access_token_typ="")
    assert resources.get(identifier).access_token_typ is None


def test_an_opaque_token_has_no_type(desk: Browser) -> None:
    form = desk.open("/admin/resources/new").form("/new")
    answer = desk.submit(form, identifier="https://api.example.test", name="API", access_token_typ="JWT",
                         access_token_format="opaque")  # fmt: skip
    assert (answer.status, 'href="#access_token_typ"' in answer.text) == (422, True)


@pytest.mark.parametrize(
    "identifier",
    ["", "api", "http://api.example.test", "https://api.example.test/#x", "javascript:x", "https://u@a.test/", ISSUER],
)
def test_a_bad_identifier_is_refused(desk: Browser, identifier: str) -> None:
    form = desk.open("/admin/resources/new").form("/new")
    answer = desk.submit(form, identifier=identifier, name="API")
    assert answer.status == 422
    assert not identifier or f"{quoting.shown(identifier)} can&#39;t be used: " in answer.text
    assert resources.all() == {}


def test_an_api_in_use_stays(app: Flask, ada: Person) -> None:
    resources.create("urn:example:orders", "Orders")
    clients.register(ada.user, Registration(name="Job", kind="machine", resources=("urn:example:orders",)))
    with pytest.raises(Conflict):
        resources.remove("urn:example:orders")
    with pytest.raises(Conflict):
        resources.create("urn:example:orders", "Orders again")


def test_an_api_is_opened_to_apps_that_register_themselves_with_its_scopes_and_a_shorter_life(desk: Browser) -> None:
    identifier = "https://mcp.example.test/mcp"
    desk.fill(
        "/admin/resources/new", identifier=identifier, name="Notes", scope="notes:read notes:write", open="y",
        access_token_ttl="600", open_rate_limit="100/hour", max_age="3600", acr_values="aal1",
    )  # fmt: skip
    found = resources.get(identifier)
    assert (found.open, found.access_token_ttl) == (True, 600)
    assert (found.open_rate_limit, found.max_age, found.acr_values) == ("100/hour", 3600, "aal1")
    assert resource_scopes.of(identifier) == ("notes:read", "notes:write")
    assert "Open to self-registered apps" in desk.get("/admin/resources").text
    page = desk.get(f"/admin/resources/edit?identifier={identifier}").text
    assert "https://mcp.example.test/.well-known/oauth-protected-resource/mcp" in page, "the line for its server"
    desk.fill(f"/admin/resources/edit?identifier={identifier}", "/admin/resources/edit", scope="notes:read")
    assert resource_scopes.of(identifier) == ("notes:read",)
    assert scopes.all()["notes:write"].resource is None


@pytest.mark.parametrize("path", ["/admin/resources/edit?identifier=x", "/admin/resources/edit"])
def test_what_does_not_exist_is_not_found(desk: Browser, path: str) -> None:
    assert desk.get(path).status == 404
