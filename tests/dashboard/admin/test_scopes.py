"""/admin/scopes: administrators change what apps may ask for, and the words people read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver.domain.access import scopes
from authserver.domain.access.scopes import ScopeFacts
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.record import audit
from authserver.errors import Conflict, Invalid
from tests.conftest import Person
from tests.support.browsing import Browser, InProcess
from tests.support.databases import ISSUER


@pytest.fixture
def desk(browser: Callable[[], FlaskClient], ada: Person) -> Browser:
    """An administrator's browser."""
    made = Browser(ISSUER, InProcess(browser()))
    made.fill("/login?next=/apps", email=ada.email, password=ada.password)
    return made


def test_the_list_has_every_scope_with_its_sentence(desk: Browser) -> None:
    text = desk.get("/admin/scopes").text
    for facts in scopes.all().values():
        assert facts.title in text
        assert facts.name in text


def test_a_scope_is_added_changed_and_deleted(desk: Browser) -> None:
    answer = desk.fill("/admin/scopes/new", name="orders:read", title="See your orders", level="read", self_service="y")
    assert "orders:read is there" in answer.text
    assert scopes.all()["orders:read"] == ScopeFacts("orders:read", "See your orders")
    desk.fill("/admin/scopes/orders:read/edit", title="See what you ordered", optional="y")
    assert scopes.all()["orders:read"].title == "See what you ordered"
    assert scopes.all()["orders:read"].optional
    desk.fill("/admin/scopes/orders:read/delete")
    assert "orders:read" not in scopes.all()
    kinds = [event.type for event in audit.page(limit=10)[0] if event.type.startswith("scope.")]
    assert kinds == ["scope.deleted", "scope.updated", "scope.created"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "two words"}, "name"),
        ({"name": ""}, "name"),
        ({"name": 'quote"'}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"cannot": "x" * 301}, "cannot"),
        ({"level": "godlike"}, "level"),
        ({"position": "-1"}, "position"),
        ({"position": "x"}, "position"),
        ({"name": "openid"}, "name"),
    ],
)
def test_a_bad_scope_is_refused_at_its_field(desk: Browser, fields: dict[str, str], field: str) -> None:
    before = scopes.all()
    form = desk.open("/admin/scopes/new").form("/new")
    answer = desk.submit(form, **({"name": "orders:read", "title": "See your orders"} | fields))
    assert answer.status in (409, 422)
    assert f'href="#{field}"' in answer.text
    assert scopes.all() == before


def test_a_built_in_scope_can_be_reworded_but_not_deleted_or_opened(app: Flask) -> None:
    admin = scopes.all()["admin"]
    with pytest.raises(Conflict):
        scopes.remove("openid")
    with pytest.raises(Invalid):
        scopes.update(ScopeFacts("admin", "Rule", admin_only=False))
    scopes.update(ScopeFacts("admin", "Rule everything", admin_only=True, self_service=True))
    after = scopes.all()["admin"]
    assert (after.title, after.builtin, after.self_service) == ("Rule everything", True, False)
    assert admin.builtin


def test_a_scope_in_use_stays(desk: Browser, alice: Person) -> None:
    scopes.create(ScopeFacts("orders:read", "See your orders"))
    clients.register(alice.user, Registration(name="Job", kind="machine", scopes=("orders:read",)))
    assert "cannot be deleted" in desk.get("/admin/scopes/orders:read/delete").text
    with pytest.raises(Conflict):
        scopes.remove("orders:read")
    assert "orders:read" in scopes.all()


def test_making_a_scope_admin_only_takes_it_from_the_clients_of_others_at_once(app: Flask, alice: Person) -> None:
    scopes.create(ScopeFacts("orders:read", "See your orders"))
    client, _ = clients.register(alice.user, Registration(name="Job", kind="machine", scopes=("orders:read",)))
    assert clients.get(client.id).scopes == ("orders:read",)
    scopes.update(ScopeFacts("orders:read", "See all orders", admin_only=True))
    assert clients.get(client.id).scopes == ()
    assert scopes.held_by("user", ["orders:read", "openid", "nonsense"]) == ("openid",)
    assert scopes.held_by("admin", ["orders:read", "openid", "nonsense"]) == ("orders:read", "openid")


def test_what_does_not_exist_is_not_found(desk: Browser) -> None:
    assert desk.get("/admin/scopes/nonsense/edit").status == 404
