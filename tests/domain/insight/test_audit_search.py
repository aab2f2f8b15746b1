"""Who may see which events, and what the filters find."""

from __future__ import annotations

import pytest
from flask import Flask

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.insight import audit_search
from authserver.domain.insight.audit_search import Wanted
from authserver.domain.record import audit
from authserver.lib import clock
from authserver.observability import context
from tests.conftest import Person


def record(type: str, *, actor: str = "system", request_id: str = "req1", **more: object) -> None:
    with context.using(context.Context(request_id, actor=actor)), database.transaction() as session:
        audit.record(session, type, **more)  # type: ignore[arg-type]


def found(**wanted: object) -> list[str]:
    return [event.type for event in audit_search.page(Wanted(**wanted), limit=100)[0]]  # type: ignore[arg-type]


def test_a_person_sees_what_concerns_them_their_apps_and_keys(app: Flask, alice: Person, bob: Person) -> None:
    before = len(found(visible_to=alice.id))
    app_, _ = clients.register(alice.user, Registration(name="Notes", kind="machine"))
    api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    record("consent.granted", owner_id=bob.id, client_id=app_.id)
    record("user.login", owner_id=bob.id)
    record("signing_key.rotated")
    assert found(visible_to=alice.id)[: -before or None] == ["consent.granted", "api_key.created", "client.created"]


def test_an_administrator_sees_everything(app: Flask, alice: Person, bob: Person) -> None:
    record("user.login", owner_id=bob.id)
    record("signing_key.rotated")
    assert found()[:2] == ["signing_key.rotated", "user.login"]
    assert len(found()) == audit.page()[1]


@pytest.mark.parametrize(
    ("wanted", "types"),
    [
        ({"group": "sign_ins"}, {"user.login", "user.login_failed"}), ({"group": "access"}, {"consent.granted"}),
        ({"result": "refused"}, {"user.login_failed"}), ({"group": "nonsense", "about": "req9"}, {"consent.granted"}),
        ({"about": "usrB"}, {"user.login", "consent.granted"}),
        ({"about": "user:usrB"}, {"user.login", "consent.granted"}),
        ({"about": "cl_1"}, {"consent.granted"}), ({"about": "req9"}, {"consent.granted"}),
        ({"about": "user.login_failed"}, {"user.login_failed"}), ({"about": "nothing"}, set()),
        ({"about": "%"}, set()), ({"about": "_"}, set()), ({"about": "cl_"}, set()),
        ({"about": "client:cl_1"}, {"consent.granted"}), ({"about": "' OR 1=1 --"}, set()),
        ({"about": "\x00"}, None),
    ],
)  # fmt: skip
def test_filters(app: Flask, wanted: dict[str, str], types: set[str] | None) -> None:
    record("user.login", actor="user:usrB", target="user:usrB", owner_id="usrB", request_id="req7")
    record("user.login_failed", target="user:usrC", owner_id="usrC", result="refused", request_id="req8")
    record("consent.granted", actor="user:usrB", target="client:cl_1", client_id="cl_1", request_id="req9")
    got = set(found(**wanted))
    assert types is None or got == types


def test_days_narrow_from_both_ends(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for second, type in ((100, "user.login"), (200, "user.logout"), (300, "user.updated")):
        monkeypatch.setattr(clock, "now_us", lambda second=second: second * 1_000_000)
        record(type)
    assert found(since=200, until=300) == ["user.logout"]


def test_an_administrator_finds_a_person_by_email_and_nobody_else_does(app: Flask, alice: Person, bob: Person) -> None:
    record("user.login", actor=f"user:{bob.id}", owner_id=bob.id)
    assert "user.login" in found(about="BOB@example.test")
    assert found(about="bob@example.test", visible_to=alice.id) == []


def test_a_filter_never_widens_what_a_person_sees(app: Flask, alice: Person, bob: Person) -> None:
    record("user.login", actor=f"user:{bob.id}", target=f"user:{bob.id}", owner_id=bob.id)
    for about in (bob.id, f"user:{bob.id}", "req1", "user.login"):
        assert "user.login" not in found(about=about, visible_to=alice.id)


def test_an_export_reads_in_batches_and_misses_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_search, "ROWS_AT_ONCE", 2)
    for _ in range(5):
        record("user.login")
    seqs = [event["seq"] for event in audit_search.export(Wanted(group="sign_ins"))]
    assert len(seqs) == 5
    assert seqs == sorted(seqs)


def test_no_filter_spells_out_who_is_told_as_another_person(app: Flask, alice: Person, bob: Person) -> None:
    """A part of a reference that is found would tell the whole of it, letter by letter."""
    app_, _ = clients.register(alice.user, Registration(name="Notes", kind="machine"))
    key, _ = api_keys.create(bob.user, api_keys.Wish("CI", "read_only"))
    own, _ = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    for actor in (f"user:{bob.id}", f"key:{key.id}"):
        record("consent.denied", actor=actor, owner_id=bob.id, client_id=app_.id, target=f"user:{bob.id}")
    record("client.updated", actor=f"key:{own.id}", owner_id=alice.id, client_id=app_.id, target=f"client:{app_.id}")
    hidden = (bob.id, bob.id[:6], f"user:{bob.id}", key.id, f"key:{key.id[:5]}")
    assert "consent.denied" not in {each for text in hidden for each in found(visible_to=alice.id, about=text)}
    assert found(visible_to=alice.id).count("consent.denied") == 2
    assert "client.updated" in found(visible_to=alice.id, about=own.id)
    assert "user.created" in found(visible_to=alice.id, about=f"user:{alice.id}")
    assert found(about=bob.id).count("consent.denied") == 2
