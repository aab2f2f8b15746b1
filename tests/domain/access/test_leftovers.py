"""Names of scopes and APIs that ended: what people allowed under one is nothing that they allowed a later one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from authserver import database
from authserver.domain.access import leftovers, resources, scopes
from authserver.domain.access.scopes import ScopeFacts
from authserver.domain.grants import consents
from authserver.models import Consent, Grant
from tests.conftest import Person
from tests.support import protocol

NOTES, KEPT = "https://notes.example.test/mcp", "https://kept.example.test"


def sign_ins(app: protocol.App) -> list[Grant]:
    """Those of an app, oldest first."""
    with database.reading() as session:
        return list(session.scalars(select(Grant).where(Grant.client_id == app.id).order_by(Grant.created_at)))


def granted(app: protocol.App) -> dict[str, list[str]]:
    """What its one person allowed it."""
    with database.reading() as session:
        return dict(session.scalars(select(Consent.granted).where(Consent.client_id == app.id)).one())


def allowed(alice: Person, app: protocol.App, **of_sign_in: Any) -> str:
    """What a person's yes leaves: a consent, and a sign-in with this refresh token."""
    code = protocol.allow(alice.id, app, **of_sign_in)
    with database.transaction() as session:
        names, apis = of_sign_in.get("scopes", ()), of_sign_in.get("resources", [])
        consents.record(session, alice.id, app.id, resources=apis, asked=names, allowed=names)
    answer = protocol.exchange(app, code)
    assert answer.status == 200, answer.json
    return str(answer.json["refresh_token"])


@pytest.mark.parametrize("deleted_before", [False, True])
def test_a_scope_made_again_is_nothing_that_anybody_allowed_before(
    alice: Person, monkeypatch: pytest.MonkeyPatch, deleted_before: bool
) -> None:
    """Also where it was deleted by a version that left the name."""
    scopes.create(ScopeFacts("notes:read", "See your notes"))
    app = protocol.register(scopes=["openid", "notes:read"], owner_id=alice.id)
    both = allowed(alice, app, scopes=["openid", "notes:read"])
    alone = allowed(alice, app, scopes=["notes:read"])
    protocol.change(app, scopes=["openid"])
    with monkeypatch.context() as patched:
        if deleted_before:
            patched.setattr(leftovers, "forget_scopes", lambda *_: None)
        scopes.remove("notes:read")
    scopes.create(ScopeFacts("notes:read", "Read the diary of your doctor"))
    protocol.change(app, scopes=["openid", "notes:read"])
    assert granted(app) == {"": ["openid"]}
    assert protocol.refresh(app, both).json["scope"] == "openid"
    assert protocol.refresh(app, alone).json["error"] == "invalid_grant"
    assert {(*row.scopes, row.revoked_because) for row in sign_ins(app)} == {("openid", ""), ("scope deleted",)}


@pytest.mark.parametrize("deleted_before", [False, True])
def test_nor_is_an_api_and_no_token_falls_back_to_a_wider_audience(
    alice: Person, monkeypatch: pytest.MonkeyPatch, deleted_before: bool
) -> None:
    resources.create(NOTES, "Notes")
    resources.create(KEPT, "Kept")
    app = protocol.register(resources=[NOTES, KEPT], owner_id=alice.id)
    alone = allowed(alice, app, scopes=["openid"], resources=[NOTES])
    both = allowed(alice, app, scopes=["openid"], resources=[NOTES, KEPT])
    protocol.change(app, resources=[KEPT])
    with monkeypatch.context() as patched:
        if deleted_before:
            patched.setattr(leftovers, "forget_api", lambda *_: None)
        resources.remove(NOTES)
    resources.create(NOTES, "Somebody else's")
    protocol.change(app, resources=[NOTES, KEPT])
    assert granted(app) == {KEPT: ["openid"]}
    assert protocol.refresh(app, alone).json["error"] == "invalid_grant"
    assert protocol.refresh(app, both, resource=NOTES).json["error"] == "invalid_target"
    assert protocol.claims(protocol.refresh(app, both).json["access_token"])["aud"] == KEPT
    assert {(*row.resources, row.revoked_because) for row in sign_ins(app)} == {(KEPT, ""), ("API deleted",)}


def test_a_scope_made_with_an_api_is_a_new_one_too(alice: Person) -> None:
    app = protocol.register(scopes=["openid"], owner_id=alice.id)
    allowed(alice, app, scopes=["openid", "notes:read"])
    resources.create(NOTES, "Notes", scopes=("notes:read",))
    assert granted(app) == {"": ["openid"]}


def test_however_many_allowed_what_ends_all_of_it_is_found(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "AT_A_TIME", 2)
    app = protocol.register(scopes=["openid"], owner_id=alice.id)
    for _ in range(5):
        protocol.allow(alice.id, app, scopes=["openid", "notes:read"])
    scopes.create(ScopeFacts("notes:read", "See your notes"))
    assert [row.scopes for row in sign_ins(app)] == [["openid"]] * 5
