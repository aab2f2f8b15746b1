"""What expired goes, what is alive stays (security.md E21)."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from authserver import database
from authserver.domain.authorization import requests as authorization_requests
from authserver.domain.authorization.requests import Asked, Destination
from authserver.domain.clients import clients
from authserver.domain.ground import batches
from authserver.domain.insight import figures
from authserver.domain.people import sessions
from authserver.domain.record import audit
from authserver.domain.running import retention
from authserver.lib import clock, secrets
from authserver.models import (
    AuthorizationRequest,
    ClientTransfer,
    DeviceAuthorization,
    FormNonce,
    RevokedToken,
    SignInSession,
)
from authserver.observability import metrics
from tests.conftest import Person
from tests.support import devices, protocol


def test_batches_go_on_until_nothing_expired_is_left(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "ROWS", 10)
    now = clock.now()
    with database.transaction() as session:
        session.add_all(
            FormNonce(digest=bytes([n]) * 32, expires_at=now + (n - 25) * 1000 - clock.JUMP + 500) for n in range(50)
        )
    gone = retention.purge()
    assert gone["form_nonces"] == 25
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(FormNonce)) == 25


def test_the_last_run_is_a_figure(app: Flask) -> None:
    before = clock.now()
    retention.purge()
    figures.refresh()
    figure = metrics.registry.get_sample_value("authserver_last_retention_timestamp_seconds")
    assert figure is not None
    assert figure >= before


def test_a_revoked_token_is_remembered_until_no_clock_takes_it(app: Flask) -> None:
    """A clock that is set wrong by a day and back brings none of them to life."""
    now = clock.now()
    with database.transaction() as session:
        session.add(RevokedToken(jti="just", expires_at=now - retention.DAY))
        session.add(RevokedToken(jti="long", expires_at=now - clock.JUMP - 1))
    retention.purge()
    with database.reading() as session:
        assert session.scalars(select(RevokedToken.jti)).all() == ["just"]


def test_a_request_that_nobody_answered_goes_as_soon_as_nobody_can(app: Flask, alice: Person) -> None:
    client, now = protocol.register(scopes=["openid"]), clock.now()
    facts = clients.get(client.id)
    asked = Asked(
        destination=Destination(facts.id, facts.redirect_uris[0]), redirect_uri_sent=True, scopes=(), scope_asked=False
    )
    kept = {}
    for name, ends, answered in (("open", now + 60, None), ("dead", now - 1, None), ("answered", now - 1, now - 60)):
        _, row = authorization_requests.store(asked, browser=b"x" * 32, found=None)
        kept[row.digest] = name
        with database.transaction() as session:
            stored = session.get_one(AuthorizationRequest, row.digest)
            stored.expires_at, stored.answered_at = ends, answered
    assert retention.purge()["authorization_requests"] == 1
    with database.reading() as session:
        left = session.scalars(select(AuthorizationRequest.digest)).all()
    assert {kept[digest] for digest in left} == {"open", "answered"}


def test_a_device_that_nobody_answered_goes_an_hour_after_its_end(app: Flask, alice: Person) -> None:
    """Until then it is told `expired_token` (RFC 8628 section 3.5), not that its code was never made."""
    television, now = devices.register(), clock.now()
    ends = {"open": now + 60, "told": now - 1800, "dead": now - 3601, "answered": now - 3601, "old": now - 86_401}
    kept = {}
    for name, at in ends.items():
        digest = secrets.digest(devices.begun(television)["device_code"])
        kept[digest] = name
        with database.transaction() as session:
            row = session.get_one(DeviceAuthorization, digest)
            row.expires_at, row.answered_at = at, now if name in ("answered", "old") else None
    assert retention.purge()["device_authorizations"] == 2
    with database.reading() as session:
        left = session.scalars(select(DeviceAuthorization.digest)).all()
    assert {kept[digest] for digest in left} == {"open", "told", "answered"}


def test_an_offer_of_an_app_that_nobody_took_goes(app: Flask, alice: Person, bob: Person) -> None:
    now = clock.now()
    with database.transaction() as session:
        for ends in (now - 2 * retention.DAY, now + 60):
            offered = protocol.register(owner_id=alice.id).id
            session.add(ClientTransfer(client_id=offered, to_id=bob.id, offered_at=now, expires_at=ends))
    assert retention.purge()["client_transfers"] == 1


def test_a_living_session_stays_and_an_old_one_goes(app: Flask, alice: Person) -> None:
    sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    _, old = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    with database.transaction() as session:
        session.merge(old.session).ended_at = clock.now() - 31 * retention.DAY
    assert retention.purge()["sessions"] == 1
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(SignInSession)) == 1


def test_the_audit_log_is_cut_only_when_asked_and_stays_sound(app: Flask, alice: Person, bob: Person) -> None:
    before = audit.page()[1]
    assert "audit_events" not in retention.purge()
    assert audit.page()[1] == before
    gone = retention.purge(audit_before=clock.now() + 1)
    assert gone["audit_events"] >= before
    assert audit.verify().sound


def test_a_table_that_cannot_be_purged_keeps_no_other_from_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(retention.idempotency, "forget_answers", fail)
    with database.transaction() as session:
        session.add(RevokedToken(jti="long", expires_at=clock.now() - clock.JUMP - 1))
    with pytest.raises(ZeroDivisionError):
        retention.purge()
    with database.reading() as session:
        assert session.scalars(select(RevokedToken.jti)).all() == []
