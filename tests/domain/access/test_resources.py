"""APIs that tokens are for: their scopes, their tokens' life."""

from __future__ import annotations

import pytest
from flask import Flask

from authserver.domain.access import resource_scopes, resources, scopes
from authserver.domain.access.scopes import ScopeFacts
from authserver.domain.clients import clients, endings
from authserver.domain.running import declaration
from authserver.errors import Conflict, Invalid
from tests.conftest import Person
from tests.support import protocol

NOTES = "https://notes.example.test/mcp"


def test_scopes_that_nobody_made_are_made_with_the_api(app: Flask) -> None:
    resources.create(NOTES, "Notes", scopes=("notes:read", "notes:write"))
    assert resource_scopes.of(NOTES) == ("notes:read", "notes:write")
    made = scopes.all()["notes:write"]
    assert (made.title, made.level, made.admin_only) == ("Use Notes: notes:write", "write", False)


def test_a_scope_that_is_there_keeps_its_words(app: Flask) -> None:
    scopes.create(ScopeFacts("notes:read", "See your notes"))
    resources.create(NOTES, "Notes", scopes=("notes:read",))
    assert scopes.all()["notes:read"].title == "See your notes"
    assert scopes.all()["notes:read"].resource == NOTES


@pytest.mark.parametrize("name", ["openid", "admin", "workflows:read", "offline_access", "a\\b", "groups", "x" * 101])
def test_a_scope_of_the_server_itself_or_a_bad_name_is_refused(app: Flask, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        resources.create(NOTES, "Notes", scopes=(name,))
    assert "scope" in refused.value.problems
    assert resources.find(NOTES) is None


def test_a_scope_of_another_api_is_refused(app: Flask) -> None:
    resources.create(NOTES, "Notes", scopes=("notes:read",))
    with pytest.raises(Invalid) as refused:
        resources.create("https://other.example.test", "Other", scopes=("notes:read",))
    assert "another API" in refused.value.problems["scope"]


@pytest.mark.parametrize("seconds", [0, 59, 86_401, -1])
def test_a_life_out_of_range_is_refused(app: Flask, seconds: int) -> None:
    with pytest.raises(Invalid):
        resources.create(NOTES, "Notes", access_token_ttl=seconds)


@pytest.mark.parametrize(("of_client", "of_api", "expected"), [
    (None, None, 3600), (None, 600, 600), (900, None, 900), (900, 600, 600), (300, 600, 300),
])  # fmt: skip
def test_the_shortest_life_that_app_and_api_choose_counts(
    app: Flask, of_client: int | None, of_api: int | None, expected: int
) -> None:
    resources.create(NOTES, "Notes", access_token_ttl=of_api)
    client = protocol.register(resources=[NOTES], access_token_ttl=of_client)
    reply = protocol.client_credentials(client, resource=NOTES).json
    claims = protocol.claims(reply["access_token"])
    assert (reply["expires_in"], claims["exp"] - claims["iat"]) == (expected, expected)


def test_a_declaration_has_the_same_fields_and_is_settled_after_one_run(app: Flask) -> None:
    document = {
        "resources": [
            {"identifier": NOTES, "name": "Notes", "scope": "notes:read notes:write", "open": True,
             "access_token_ttl": 600, "access_token_format": "opaque",
             "open_rate_limit": "100/hour", "max_age": 600, "acr_values": "aal1"}
        ]
    }  # fmt: skip
    assert [each.action for each in declaration.apply(document)] == ["create"]
    found = resources.get(NOTES)
    assert (found.open_rate_limit, found.max_age, found.acr_values) == ("100/hour", 600, "aal1")
    assert declaration.plan(document) == []
    document["resources"][0] |= {"open": False, "scope": "notes:read"}
    (change,) = declaration.apply(document)
    assert change.differences == {"open": (True, False), "scope": (["notes:read", "notes:write"], ["notes:read"])}
    assert declaration.plan(document) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"open": "yes"},
        {"access_token_ttl": "600"},
        {"scope": ["a"]},
        {"scope": "a\\"},
        {"max_age": "600"},
        {"acr_values": ["aal1"]},
        {"open_rate_limit": 100},
    ],
)
def test_a_declaration_of_another_type_is_refused(app: Flask, wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        declaration.plan({"resources": [{"identifier": NOTES, **wrong}]})


def test_a_person_owns_so_many_apis_and_an_administrator_more(
    ada: Person, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "MAX_PER_OWNER", 1)
    resources.create(NOTES, "Notes", owner_id=alice.id)
    with pytest.raises(Conflict, match="would own 2 APIs, and the limit is 1"):
        resources.create("https://other.example.test", "Other", owner_id=alice.id)
    for number in range(3):
        resources.create(f"https://{number}.example.test", "Other", owner_id=ada.id)
        resources.create(f"https://nobodys-{number}.example.test", "Other")


def test_an_app_that_is_brought_back_has_no_scope_or_api_that_was_made_again_meanwhile(alice: Person) -> None:
    resources.create(NOTES, "Notes", scopes=("notes:read",))
    which = {"resources": [NOTES], "resource_server_for": [NOTES]}
    app = protocol.register(scopes=["openid", "notes:read"], owner_id=alice.id, **which)
    endings.remove(alice.user, app.id)
    scopes.remove("notes:read")
    resources.remove(NOTES)
    resources.create(NOTES, "Somebody else's", scopes=("notes:read",))
    endings.restore(None, app.id)
    facts = clients.get(app.id)
    assert (facts.scopes, facts.resources, facts.resource_server_for) == (("openid",), (), ())
