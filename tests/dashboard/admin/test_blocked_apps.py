"""/admin/blocked-apps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from authserver import database
from authserver.domain.clients import blocked_apps, clients
from authserver.domain.grants import consents
from authserver.models import Client
from tests.conftest import Person
from tests.support.browsing import Browser, InProcess
from tests.support.databases import ISSUER
from tests.support.registering import register

PATH = "/admin/blocked-apps"
DOCUMENT = "https://a.example.test/client.json"


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open"}


@pytest.fixture
def desk(browser: Callable[[], FlaskClient], ada: Person) -> Browser:
    """An administrator's browser."""
    made = Browser(ISSUER, InProcess(browser()))
    made.fill("/login?next=/apps", email=ada.email, password=ada.password)
    return made


def test_the_apps_are_listed_and_a_name_is_blocked_and_unblocked(desk: Browser) -> None:
    made = register(redirect_uris=["https://a.example.test/cb"], application_type="web").json
    page = desk.open(PATH)
    assert "Notes agent" in page.text and "a.example.test" in page.text
    form = [each for each in page.forms if each.path.endswith("/block")][-1]
    desk.submit(form, what="Notes agent")
    assert not clients.get(made["client_id"]).enabled
    assert "Blocked" in desk.get(PATH).text
    form = next(each for each in desk.open(PATH).forms if each.path.endswith("/unblock"))
    desk.submit(form)
    assert clients.get(made["client_id"]).enabled and blocked_apps.all() == ()


def test_nothing_is_no_block(desk: Browser) -> None:
    form = [each for each in desk.open(PATH).forms if each.path.endswith("/block")][-1]
    assert desk.submit(form, what="").status == 422


@pytest.mark.parametrize(("label", "kind"), [("id", "id"), ("name", "name"), ("host", "host")])
def test_a_line_fills_the_form_in_and_blocks_nothing_before_it_is_sent(desk: Browser, label: str, kind: str) -> None:
    made = register(redirect_uris=["https://a.example.test/cb"], application_type="web").json
    link = next(each for each in desk.open(PATH).links if f"kind={label}" in each)
    form = next(each for each in desk.open(link).forms if each.path.endswith("/block"))
    assert clients.get(made["client_id"]).enabled and blocked_apps.all() == ()
    desk.submit(form)
    assert [each.kind for each in blocked_apps.all()] == [kind]
    assert not clients.get(made["client_id"]).enabled


def test_the_page_of_an_app_tells_who_uses_it_and_since_when(desk: Browser, bob: Person) -> None:
    made = register(redirect_uris=["https://a.example.test/cb"], application_type="web").json
    path = f"/apps/{made['client_id']}"
    assert "People who use it" not in desk.open(path).text
    with database.transaction() as session:
        consents.record(session, bob.id, made["client_id"], resources=[], asked=["openid"], allowed=["openid"])
    page = desk.open(path)
    assert "People who use it" in page.text and bob.email in page.text
    assert any(each.endswith(f"/admin/users/{bob.id}") for each in page.links)
    consents.revoke(bob.id, made["client_id"])
    assert "People who use it" not in desk.open(path).text


def test_an_app_of_a_document_is_shown_by_the_address_that_its_tokens_name(desk: Browser) -> None:
    made = register(redirect_uris=["https://a.example.test/cb"], application_type="web").json
    with database.transaction() as session:
        session.execute(update(Client).where(Client.id == made["client_id"]).values(document_url=DOCUMENT))
    for path in (PATH, "/admin/clients", f"/apps/{made['client_id']}"):
        assert DOCUMENT in desk.open(path).text, path
