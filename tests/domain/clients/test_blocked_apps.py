"""Blocks of apps that register themselves: by host, by name, by id."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from authserver import database
from authserver.domain.clients import blocked_apps, clients
from authserver.domain.ground import usage
from authserver.errors import Invalid, NotFound
from authserver.lib import clock, secrets
from authserver.models import Consent
from tests.conftest import Person
from tests.support import protocol, registering
from tests.support.registering import register


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open"}


@pytest.fixture(autouse=True)
def _assembled(app: Flask) -> None:
    """The app is built even where no test asks for it by name."""


def web(uri: str = "https://app.evil.example/cb", **more: Any) -> dict[str, Any]:
    return register(redirect_uris=[uri], application_type="web", **more).json


def works(made: dict[str, Any]) -> bool:
    return clients.get(made["client_id"]).enabled


@pytest.mark.parametrize(("what", "kind"), [
    ("evil.example", "host"), ("app.evil.example", "host"), ("APP.EVIL.example", "host"), ("Notes agent", "name"),
    ("ｎＯＴＥＳ agent", "name"),
])  # fmt: skip
def test_what_falls_under_it_stops_and_none_like_it_comes(what: str, kind: str) -> None:
    made = web()
    assert blocked_apps.block(what).kind == kind
    assert not works(made)
    refused = register(redirect_uris=["https://app.evil.example/other"], application_type="web")
    assert refused.status == 400 and "blocked" in refused.json["error_description"]
    blocked_apps.unblock(what)
    assert works(made)


@pytest.mark.parametrize("name", ["Notes  agent", " Notes   agent ", "NOTES agent", "Notes ag\ufe0fent"])
def test_a_name_is_blocked_as_it_looks_whatever_its_spaces(name: str) -> None:
    blocked_apps.block("Notes agent")
    refused = register(redirect_uris=["https://app.evil.example/cb"], application_type="web", client_name=name)
    assert refused.status == 400 and "blocked" in refused.json["error_description"]


@pytest.mark.parametrize("what", ["evil.example", "Notes agent"])
def test_no_app_takes_its_block_off_by_another_name_or_host(what: str, alice: Person) -> None:
    made = web()
    app = protocol.App(made["client_id"], made["client_secret"])
    kept = protocol.tokens_for(alice.id, app, scopes=["openid"])["refresh_token"]
    blocked_apps.block(what)
    elsewhere = {"client_name": "Other", "redirect_uris": ["https://other.example/cb"], "client_id": made["client_id"]}
    refused = registering.manage("PUT", made, {**registering.MCP, "application_type": "web", **elsewhere})
    assert refused.status == 400 and "blocked" in refused.json["error_description"]
    assert not works(made) and protocol.refresh(app, kept).status == 401


def test_one_app_is_blocked_by_its_id_and_its_like_is_not() -> None:
    made, other = web(), web()
    assert blocked_apps.block(made["client_id"]).kind == "id"
    assert (works(made), works(other)) == (False, True)
    assert registering.manage("GET", made).status == 200, "its registration is there to be read"


@pytest.mark.parametrize("host", ["other.example", "vil.example", "p.evil.example", "example.evil"])
def test_a_neighbour_of_a_host_goes_on(host: str) -> None:
    made = web()
    blocked_apps.block(host)
    assert works(made)


def test_what_somebody_registered_is_under_no_block() -> None:
    app = protocol.register(name="Notes agent", redirect_uris=["https://app.evil.example/cb"])
    for what in ("evil.example", "Notes agent"):
        blocked_apps.block(what)
    assert clients.get(app.id).enabled


@pytest.mark.parametrize("what", ["", "x" * 256, "a\nb"])
def test_what_names_nothing_is_refused(what: str) -> None:
    with pytest.raises(Invalid):
        blocked_apps.block(what)
    with pytest.raises(NotFound):
        blocked_apps.unblock(what)


def test_a_token_of_a_blocked_app_is_dead(alice: Person) -> None:
    made = web()
    app = protocol.App(made["client_id"], made["client_secret"])
    code = protocol.allow(alice.id, app, scopes=["openid"])
    tokens = protocol.exchange(app, code).json
    auditor = protocol.register(introspect_all=True)
    assert protocol.introspect(auditor, tokens["access_token"]).json["active"]
    blocked_apps.block("evil.example")
    assert protocol.introspect(auditor, tokens["access_token"]).json == {"active": False}
    assert protocol.refresh(app, tokens["refresh_token"]).status == 401


def test_identical_registrations_are_one_line(alice: Person) -> None:
    made = [web() for _ in range(3)]
    web(client_name="Another")
    lines = blocked_apps.listed()
    assert sorted(len(each.clients) for each in lines) == [1, 3]
    assert {row.id for each in lines for row in each.clients if len(each.clients) == 3} == {
        each["client_id"] for each in made
    }


def test_a_line_has_the_consents_of_all_its_registrations_and_the_hour_of_their_last_token(
    alice: Person, bob: Person
) -> None:
    first, second = web()["client_id"], web()["client_id"]
    now = clock.now()
    for client_id, person, revoked in ((first, alice, None), (second, bob, None), (second, alice, now)):
        with database.transaction() as session:
            session.add(
                Consent(
                    id=secrets.random_id("co"), user_id=person.id, client_id=client_id, granted={"": ["openid"]},
                    granted_at=now, updated_at=now, revoked_at=revoked,
                )
            )  # fmt: skip
    usage.count(usage.TOKENS, f"client:{second}")
    usage.flush()
    [line] = blocked_apps.listed()
    assert line.consents == 2
    assert line.last_used_at is not None and 0 <= now - line.last_used_at < 3605


def test_one_that_a_document_describes_falls_under_its_host_and_its_url(alice: Person) -> None:
    url = "https://docs.evil.example/client.json"
    app = protocol.register(
        id=clients.id_of(url), document_url=url, self_registered=True, public=True, installation=False,
        redirect_uris=["http://127.0.0.1/callback"], name="Agent",
    )  # fmt: skip
    for what, kind in ((url, "id"), ("evil.example", "host")):
        assert blocked_apps.block(what).kind == kind
        assert not clients.get(app.id).enabled
        blocked_apps.unblock(what)
        assert clients.get(url).enabled
