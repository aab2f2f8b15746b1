"""Privileges of apps: given once, judged at every use (contract 11.36)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask

from authserver.domain.access import resources
from authserver.domain.clients import clients, privileges
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.clients.metadata import Registration
from authserver.domain.people import users
from authserver.errors import Invalid
from tests.conftest import Person

API = "https://api.example.test"
WEB = Registration(name="Reports", kind="web", redirect_uris=("https://app.example.test/cb",), scopes=("openid",))
EVERY: dict[str, Any] = {"skip_consent": True, "introspect_all": True, "resource_server_for": (API,)}


@pytest.fixture(autouse=True)
def api(app: Flask) -> None:
    resources.create(API, "An API")


def now(client_id: str) -> ClientFacts:
    found = clients.find(client_id)
    assert found is not None
    return found


def counting(client_id: str) -> tuple[Any, ...]:
    found = now(client_id)
    return found.skip_consent, found.introspect_all, found.resource_server_for


ALL, NONE = (True, True, (API,)), (False, False, ())


def made(owner: Person | None, **members: Any) -> str:
    return clients.register(owner.user if owner else None, dataclasses.replace(WEB, **members), trusted=True)[0].id


def test_they_count_while_the_owner_is_an_administrator(alice: Person, ada: Person) -> None:
    users.set_role(alice.id, "admin")
    app = made(Person(users.get(alice.id)), **EVERY)
    assert counting(app) == ALL
    users.set_role(alice.id, "user")
    assert counting(app) == NONE
    assert [(each.client_id, each.owner_email, set(each.privileges)) for each in privileges.idle()] == [
        (app, alice.email, set(EVERY))
    ]
    users.set_role(alice.id, "admin")
    assert counting(app) == ALL and not privileges.idle()


def test_they_count_for_the_installations_own_and_for_no_self_registered_app() -> None:
    app = made(None, **EVERY)
    assert counting(app) == ALL
    for mark, self_registered, role in ((True, True, None), (False, False, None), (False, False, "user")):
        assert not privileges.count(installation=mark, self_registered=self_registered, owner_role=role)


def test_the_server_of_its_owners_own_api_needs_no_privilege(alice: Person) -> None:
    own = "https://alice.example.test"
    resources.create(own, "Alice's", owner_id=alice.id)
    app = made(alice, resource_server_for=(own,))
    assert now(app).resource_server_for == (own,)
    assert not privileges.idle()


def test_a_plain_persons_app_is_given_none(alice: Person, ada: Person) -> None:
    app = made(alice)
    for name, value in EVERY.items():
        for give in (
            lambda: made(alice, **{name: value}),  # noqa: B023  # called at once
            lambda: clients.revise(ada.user, app, dataclasses.replace(WEB, **{name: value})),  # noqa: B023
        ):
            with pytest.raises(Invalid) as refused:
                give()
            assert "administrators and of the installation" in refused.value.problems[name]


WIDER: list[dict[str, Any]] = [
    {"scopes": ("openid", "keys:manage")}, {"redirect_uris": ("https://mallory.example/cb",)},
    {"jwks_uri": "https://mallory.example/keys"}, {"token_endpoint_auth_method": "client_secret_post"},
    {"grant_types": ("authorization_code", "client_credentials")}, {"resources": (API,)},
]  # fmt: skip


@pytest.mark.parametrize("privilege", EVERY)
def test_while_one_is_set_its_plain_owner_changes_nothing_that_it_is_lent_by(
    alice: Person, ada: Person, privilege: str
) -> None:
    users.set_role(alice.id, "admin")
    app = made(Person(users.get(alice.id)), **{privilege: EVERY[privilege]})
    users.set_role(alice.id, "user")
    plain = users.get(alice.id)
    present = dataclasses.replace(WEB, **{privilege: EVERY[privilege]})
    for wider in WIDER:
        with pytest.raises(Invalid) as refused:
            clients.revise(plain, app, dataclasses.replace(present, **wider))
        assert set(wider) <= set(refused.value.problems)
        clients.revise(ada.user, app, dataclasses.replace(present, **wider))
        clients.revise(ada.user, app, present)
    assert clients.revise(plain, app, dataclasses.replace(present, name="Renamed")).name == "Renamed"
    clients.revise(plain, app, WEB)  # given back, it is an app like any other
    clients.revise(plain, app, dataclasses.replace(WEB, redirect_uris=("https://elsewhere.example/cb",)))


def test_apps_of_a_disabled_person_stop_and_go_on_with_them(alice: Person) -> None:
    app = made(alice)
    assert now(app).enabled
    users.disable(alice.id)
    assert not now(app).enabled
    users.enable(alice.id)
    assert now(app).enabled
