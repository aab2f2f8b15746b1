"""Every event has its sentence, and says no more than its reader may know."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from flask import Flask

import authserver
from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.insight import audit_sentences
from authserver.domain.record import audit
from authserver.observability import context
from tests.conftest import Person
from tests.support.tables import rows

SOURCES = Path(authserver.__file__).parent
# A type is a text like this, in a module that records something.
TYPE = re.compile(
    r"(user|session|consent|token|refresh_token|access_token|code|client|api_key|signing_key|scope|resource"
    r"|permission|route_table|grant|mail|device|webhook|audit)\.[a-z_]+"
)


def recorded_types() -> set[str]:
    found = set()
    for path in (SOURCES / "domain").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if "audit.record(" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and TYPE.fullmatch(node.value):
                found.add(node.value)
    return found


def test_every_type_that_is_recorded_has_a_sentence() -> None:
    assert len(recorded_types()) > 25
    assert recorded_types() - set(audit_sentences.SENTENCES) == set()


def test_every_type_is_in_one_group_of_the_filter() -> None:
    grouped = [each for _, types in audit_sentences.GROUPS.values() for each in types]
    assert sorted(grouped) == sorted(audit_sentences.SENTENCES)


def recorded(type: str, actor: str, **more: object) -> None:
    with context.using(context.Context("req1", "10.1.2.3", "Firefox", actor)), database.transaction() as session:
        audit.record(session, type, **more)  # type: ignore[arg-type]


def told(viewer: Person) -> str:
    return audit_sentences.for_viewer(audit.page(limit=1)[0], viewer.user)[0].sentence


@rows("type", sorted(audit_sentences.SENTENCES))
def test_every_sentence_can_be_told_about_anything(app: Flask, ada: Person, type: str) -> None:
    recorded(type, "")
    assert "{" not in told(ada)


def test_one_reads_about_oneself_as_you(app: Flask, alice: Person) -> None:
    recorded("user.disabled", f"user:{alice.id}", target=f"user:{alice.id}", owner_id=alice.id)
    assert told(alice) == "You disabled your account"


def test_an_administrator_reads_addresses(app: Flask, alice: Person, ada: Person) -> None:
    recorded("user.disabled", f"user:{ada.id}", target=f"user:{alice.id}", owner_id=alice.id)
    assert told(ada) == "You disabled alice@example.test"


def test_others_are_another_person(app: Flask, alice: Person, ada: Person) -> None:
    recorded("user.disabled", f"user:{ada.id}", target=f"user:{alice.id}", owner_id=alice.id)
    assert told(alice) == "Another person disabled your account"


def test_an_apps_owner_learns_nothing_about_who_used_it(app: Flask, alice: Person, bob: Person) -> None:
    app_, _ = clients.register(alice.user, Registration(name="Notes", kind="machine"))
    who = {"owner_id": bob.id, "client_id": app_.id, "asked_from": "192.0.2.7"}
    recorded("consent.granted", f"user:{bob.id}", target=f"client:{app_.id}", **who)
    seen = audit_sentences.for_viewer(audit.page(limit=1)[0], alice.user)[0]
    assert "192.0.2.7" not in str(seen), "nor from where their device asked"
    assert audit_sentences.for_viewer(audit.page(limit=1)[0], bob.user)[0].data["asked_from"] == "192.0.2.7"
    assert seen.sentence == "Another person allowed Notes"
    assert (seen.ip, seen.user_agent, seen.request_id, seen.actor) == ("", "", "", "another person")
    assert bob.id not in str(seen)


def test_nor_the_names_of_their_keys(app: Flask, alice: Person, bob: Person, ada: Person) -> None:
    app_, _ = clients.register(alice.user, Registration(name="Notes", kind="machine"))
    key = api_keys.create(bob.user, api_keys.Wish("Bob's own words", "full_access"))[0]
    recorded("token.revoked", f"key:{key.id}", target="grant:gr1", owner_id=bob.id, client_id=app_.id)
    row = audit.page(limit=1)[0]
    seen = audit_sentences.for_viewer(row, alice.user)[0]
    assert "own words" not in str(seen) and key.id not in str(seen) and seen.actor == "another person"
    for who in (bob, ada):
        assert "Bob's own words ended" in audit_sentences.for_viewer(row, who.user)[0].sentence


def test_where_another_person_did_something_to_what_is_mine_stays_theirs(
    app: Flask, alice: Person, ada: Person
) -> None:
    key = api_keys.create(ada.user, api_keys.Wish("Hers", "full_access"))[0]
    for actor, shown in ((f"user:{alice.id}", True), ("", True), (f"user:{ada.id}", False), (f"key:{key.id}", False)):
        recorded("client.updated", actor, target="client:cl1", owner_id=alice.id)
        seen = audit_sentences.for_viewer(audit.page(limit=1)[0], alice.user)[0]
        assert bool(seen.ip) is bool(seen.request_id) is shown


@pytest.mark.parametrize(
    ("actor", "said"),
    [("cli", "The command line"), ("system", "The server"), ("", "Nobody"), ("user:gone", "Another person")],
)
def test_actors_without_an_account_have_names(app: Flask, ada: Person, actor: str, said: str) -> None:
    recorded("signing_key.rotated", actor)
    assert told(ada).startswith(said)


def test_a_name_with_braces_is_only_a_name(app: Flask, alice: Person) -> None:
    recorded("api_key.created", f"user:{alice.id}", target="key:x", owner_id=alice.id, name="{actor} {0}")
    assert told(alice) == "You created the key “{actor} {0}”"
