"""POST /oauth/revoke: a client gives back what is its own."""

from __future__ import annotations

from typing import Any

import pytest

from authserver import database
from authserver.models import AuditEvent, RevokedToken
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App, client_credentials, introspect, revoke, send, tokens_for

INACTIVE = b'{"active":false}'


@pytest.fixture
def tokens(web_app: App, alice: Person) -> dict[str, Any]:
    return tokens_for(alice.id, web_app)


def test_revoking_an_access_token_leaves_the_grant_alive(web_app: App, auditor: App, tokens: dict[str, Any]) -> None:
    reply = revoke(web_app, tokens["access_token"])
    assert (reply.status, reply.body) == (200, b"")
    assert introspect(auditor, tokens["access_token"]).body == INACTIVE
    assert protocol.refresh(web_app, tokens["refresh_token"]).status == 200


def test_revoking_a_refresh_token_ends_everything_of_the_grant(
    web_app: App, auditor: App, tokens: dict[str, Any]
) -> None:
    newest = protocol.refresh(web_app, tokens["refresh_token"]).json
    revoke(web_app, newest["refresh_token"])
    for token in (tokens["access_token"], newest["access_token"], newest["refresh_token"]):
        assert introspect(auditor, token).body == INACTIVE
    assert protocol.refresh(web_app, newest["refresh_token"]).error == (400, "invalid_grant")


def test_revoking_a_spent_refresh_token_ends_the_family_too(web_app: App, tokens: dict[str, Any]) -> None:
    newest = protocol.refresh(web_app, tokens["refresh_token"]).json
    revoke(web_app, tokens["refresh_token"])
    assert protocol.refresh(web_app, newest["refresh_token"]).error == (400, "invalid_grant")


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
def test_a_wrong_hint_changes_nothing(web_app: App, auditor: App, tokens: dict[str, Any], hint: str) -> None:
    """Trap T14."""
    for name in ("access_token", "refresh_token"):
        assert revoke(web_app, tokens[name], token_type_hint=hint).status == 200
        assert introspect(auditor, tokens[name]).body == INACTIVE


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
@pytest.mark.parametrize("access_token_format", ["jwt", "opaque"])
def test_another_clients_token_is_left_alone_without_a_hint_of_it(
    mallorys_app: App, auditor: App, alice: Person, name: str, access_token_format: str
) -> None:
    app = protocol.register(access_token_format=access_token_format)
    token = tokens_for(alice.id, app)[name]
    others, garbage = revoke(mallorys_app, token), revoke(mallorys_app, "garbage")
    assert (others.status, others.body, others.headers) == (200, b"", garbage.headers)
    assert introspect(auditor, token).json["active"]


def test_an_opaque_token_is_revoked(auditor: App, alice: Person) -> None:
    app = protocol.register(access_token_format="opaque")
    token = client_credentials(app).json["access_token"]
    assert revoke(app, token).status == 200
    assert introspect(auditor, token).body == INACTIVE


def test_a_public_client_revokes_by_its_id_alone(spa: App, auditor: App, alice: Person) -> None:
    tokens = tokens_for(alice.id, spa)
    assert revoke(spa, tokens["access_token"]).status == 200
    assert introspect(auditor, tokens["access_token"]).body == INACTIVE


def test_a_confidential_client_must_authenticate(web_app: App, tokens: dict[str, Any]) -> None:
    reply = send("/oauth/revoke", {"token": tokens["access_token"], "client_id": web_app.id})
    assert reply.error == (400, "invalid_client")
    assert introspect(web_app, tokens["access_token"]).json["active"]


@pytest.mark.parametrize("token", ["x", "\u2603", "kaie_rt_" + "0" * 36, "eyJhbGciOiJub25lIn0.e30.", "a" * 20_000])
def test_garbage_is_revoked_already(web_app: App, token: str) -> None:
    assert revoke(web_app, token).status == 200


def test_the_token_parameter_is_needed(web_app: App) -> None:
    assert send("/oauth/revoke", {}, web_app.basic).error == (400, "invalid_request")


def test_a_second_revocation_is_no_second_event(web_app: App, tokens: dict[str, Any], alice: Person) -> None:
    for _ in range(2):
        assert revoke(web_app, tokens["access_token"]).status == 200
    with database.reading() as session:
        (event,) = session.query(AuditEvent).filter_by(type="token.revoked")
    assert (event.owner_id, event.client_id, event.actor) == (alice.id, web_app.id, f"client:{web_app.id}")


def test_what_was_revoked_is_remembered_until_it_would_have_expired(web_app: App, tokens: dict[str, Any]) -> None:
    revoke(web_app, tokens["access_token"])
    with database.reading() as session:
        assert session.query(RevokedToken).one().expires_at >= protocol.claims(tokens["access_token"])["exp"]


def test_a_storage_error_is_never_a_success(
    web_app: App, tokens: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    from authserver.domain.record import audit

    def fail(*_args: object, **_named: object) -> None:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr(audit, "record", fail)
    reply = revoke(web_app, tokens["access_token"])
    assert reply.error == (503, "temporarily_unavailable")
    assert introspect(web_app, tokens["access_token"]).json["active"]
