"""The token endpoint for devices (RFC 8628 sections 3.4 and 3.5; trap T3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select, update

from authserver import database
from authserver.domain.people import users
from authserver.lib import clock, pkce, secrets
from authserver.models import AuditEvent, DeviceAuthorization, Grant
from tests.conftest import Person
from tests.support import authorizing, devices, protocol
from tests.support.devices import begun, poll
from tests.support.protocol import VERIFIER, App


@pytest.fixture
def television(app: Any) -> App:
    return devices.register()


@pytest.fixture
def hers(http: FlaskClient, alice: Person) -> FlaskClient:
    authorizing.sign_in(http, alice)
    return http


@pytest.fixture
def still() -> Iterator[time_machine.Coordinates]:
    """The clock stands until a test moves it."""
    with time_machine.travel(clock.now() + 0.5, tick=False) as traveller:
        yield traveller


def row() -> DeviceAuthorization:
    with database.reading() as session:
        return session.scalars(select(DeviceAuthorization)).one()


def events(type: str) -> list[AuditEvent]:
    with database.reading() as session:
        return list(session.scalars(select(AuditEvent).where(AuditEvent.type == type)))


def test_a_device_waits_and_gets_its_tokens_once_it_is_allowed(
    television: App, hers: FlaskClient, alice: Person
) -> None:
    said = begun(television)
    assert poll(television, said["device_code"]).error == (400, "authorization_pending")
    devices.answer(hers, said["user_code"])
    reply = poll(television, said["device_code"])
    assert reply.status == 200 and set(reply.json) == {
        "access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token",
    }  # fmt: skip
    access, identity = protocol.claims(reply.json["access_token"]), protocol.claims(reply.json["id_token"])
    assert (access["sub"], access["client_id"], access["scope"]) == (
        alice.id,
        television.id,
        "openid email workflows:read",
    )
    assert (identity["sub"], identity["aud"]) == (alice.id, television.id)
    assert not {"sid", "nonce"} & {*access, *identity}
    assert protocol.refresh(television, reply.json["refresh_token"]).status == 200


def test_an_app_with_a_secret_polls_with_it(app: Any, hers: FlaskClient) -> None:
    confidential = devices.register(public=False, kind="web", application_type="web")
    said = begun(confidential)
    devices.answer(hers, said["user_code"])
    bare = {"grant_type": devices.GRANT, "device_code": said["device_code"], "client_id": confidential.id}
    assert protocol.send("/oauth/token", bare).error == (400, "invalid_client")
    assert poll(confidential, said["device_code"]).status == 200


def test_what_was_unticked_is_not_in_the_token(television: App, hers: FlaskClient) -> None:
    protocol.change(television, optional_scopes=["workflows:read"])
    said = begun(television)
    devices.answer(hers, said["user_code"], scope=["email"])
    assert poll(television, said["device_code"]).json["scope"] == "openid email"


def test_of_ten_polls_after_approval_one_succeeds_and_a_replay_ends_what_it_got(
    television: App, hers: FlaskClient, still: time_machine.Coordinates
) -> None:
    """Trap T3, and C11: the code is spent; whoever comes with it later is somebody else."""
    said = begun(television)
    devices.answer(hers, said["user_code"])
    first = poll(television, said["device_code"])
    still.shift(5)
    assert first.status == 200
    assert {poll(television, said["device_code"]).error for _ in range(9)} == {(400, "invalid_grant")}
    assert protocol.refresh(television, first.json["refresh_token"]).error == (400, "invalid_grant")
    assert [each.client_id for each in events("device_code.replayed")] == [television.id]


def test_a_denial_is_access_denied_as_often_as_the_device_asks(television: App, hers: FlaskClient) -> None:
    said = begun(television)
    devices.answer(hers, said["user_code"], "deny")
    assert [poll(television, said["device_code"]).error for _ in range(3)] == [(400, "access_denied")] * 3
    with database.reading() as session:
        assert not session.scalars(select(Grant)).all()


def test_a_code_that_nobody_answered_expires(television: App, still: time_machine.Coordinates) -> None:
    said = begun(television)
    still.shift(599)
    assert poll(television, said["device_code"]).error == (400, "authorization_pending")
    still.shift(2)
    assert poll(television, said["device_code"]).error == (400, "expired_token")


def test_so_does_one_that_was_allowed_and_not_fetched(
    television: App, hers: FlaskClient, still: time_machine.Coordinates
) -> None:
    said = begun(television)
    devices.answer(hers, said["user_code"])
    still.shift(601)
    assert poll(television, said["device_code"]).error == (400, "expired_token")


# slow_down (section 3.5): the interval grows by 5 seconds for this and all later requests.


def polled(television: App, device_code: str, still: time_machine.Coordinates, *pauses: float) -> list[str]:
    found = []
    for pause in pauses:
        still.shift(pause)
        found.append(poll(television, device_code).json["error"].replace("authorization_", ""))
    return found


def test_at_its_pace_a_device_is_never_slowed_down(television: App, still: time_machine.Coordinates) -> None:
    code = begun(television)["device_code"]
    assert polled(television, code, still, 0, 5, 5, 4.2, 5.5, 30) == ["pending"] * 6
    assert row().pause == 5


def test_each_early_poll_makes_the_pause_longer_for_good(television: App, still: time_machine.Coordinates) -> None:
    code = begun(television)["device_code"]
    assert polled(television, code, still, 0, 1) == ["pending", "slow_down"]
    assert row().pause == 10
    assert polled(television, code, still, 5) == ["slow_down"], "5 seconds are too few from now on"
    assert row().pause == 15
    assert polled(television, code, still, 15, 15, 13) == ["pending", "pending", "slow_down"]
    assert row().pause == 20


def test_a_device_that_was_slowed_down_gets_its_tokens_all_the_same(
    television: App, hers: FlaskClient, still: time_machine.Coordinates
) -> None:
    said = begun(television)
    assert polled(television, said["device_code"], still, 0, 0, 0) == ["pending", "slow_down", "slow_down"]
    devices.answer(hers, said["user_code"])
    assert poll(television, said["device_code"]).status == 200


def test_waiting_is_no_refusal_that_anybody_looks_up(television: App) -> None:
    reply = poll(television, begun(television)["device_code"])
    assert reply.json["error_uri"].startswith("http://localhost:8000/refused/")
    assert reply.header("cache-control") == "no-store"


# Bound to its client, and to PKCE if that was sent (class C33).


def test_another_client_gets_nothing_and_leaves_it_alive(television: App, hers: FlaskClient) -> None:
    evil, said = devices.register(name="Evil"), begun(television)
    assert poll(evil, said["device_code"]).error == (400, "invalid_grant")
    devices.answer(hers, said["user_code"])
    assert poll(evil, said["device_code"]).error == (400, "invalid_grant")
    assert poll(television, said["device_code"]).status == 200


@pytest.mark.parametrize("verifier", ["v" * 43, "", None])
def test_a_wrong_verifier_burns_the_code(television: App, hers: FlaskClient, verifier: str | None) -> None:
    said = begun(television, code_challenge=pkce.challenge(VERIFIER), code_challenge_method="S256")
    devices.answer(hers, said["user_code"])
    more = {} if verifier is None else {"code_verifier": verifier}
    assert poll(television, said["device_code"], **more).error == (400, "invalid_grant")
    assert poll(television, said["device_code"], code_verifier=VERIFIER).error == (400, "invalid_grant")


def test_the_right_verifier_fits(television: App, hers: FlaskClient) -> None:
    said = begun(television, code_challenge=pkce.challenge(VERIFIER), code_challenge_method="S256")
    devices.answer(hers, said["user_code"])
    assert poll(television, said["device_code"], code_verifier=VERIFIER).status == 200


def test_a_verifier_without_a_challenge_is_refused(television: App, hers: FlaskClient) -> None:
    said = begun(television)
    devices.answer(hers, said["user_code"])
    assert poll(television, said["device_code"], code_verifier=VERIFIER).error == (400, "invalid_grant")


@pytest.mark.parametrize(
    "presented",
    ["", "x", "kaie_dc_" + "0" * 36, "kaie_ac_" + "0" * 36, "kaie_dc_\u2603", "a" * 10_000, "eyJhbGciOiJub25lIn0.e30."],
)
def test_what_is_no_code_of_ours_is_refused(television: App, presented: str) -> None:
    expected = "invalid_request" if not presented else "invalid_grant"
    assert poll(television, presented).error == (400, expected)


def test_an_unknown_one_of_our_form_is_refused(television: App) -> None:
    assert poll(television, secrets.generate("kaie", "dc")).error == (400, "invalid_grant")


def test_without_the_parameter_it_is_an_invalid_request(television: App) -> None:
    fields = {"grant_type": devices.GRANT, "client_id": television.id}
    assert protocol.send("/oauth/token", fields).error == (400, "invalid_request")


def test_an_app_without_the_grant_is_told_so(television: App, hers: FlaskClient) -> None:
    said = begun(television)
    devices.answer(hers, said["user_code"])
    protocol.change(television, grant_types=["authorization_code"])
    assert poll(television, said["device_code"]).error == (400, "unauthorized_client")


# Judged at use: whoever is disabled after the answer gets nothing.


def test_a_person_who_was_disabled_since_signs_in_nowhere(television: App, hers: FlaskClient, alice: Person) -> None:
    said = begun(television)
    devices.answer(hers, said["user_code"])
    users.disable(alice.id)
    assert poll(television, said["device_code"]).error == (400, "invalid_grant")


def test_nor_does_an_app_that_was_disabled(television: App, hers: FlaskClient) -> None:
    said = begun(television)
    devices.answer(hers, said["user_code"])
    protocol.change(television, disabled_at=clock.now())
    assert poll(television, said["device_code"]).error == (400, "invalid_client")


def test_nor_one_whose_tokens_were_ended(television: App, hers: FlaskClient) -> None:
    said = begun(television)
    devices.answer(hers, said["user_code"])
    protocol.change(television, tokens_not_before=clock.now() + 10)
    assert poll(television, said["device_code"]).error == (400, "invalid_grant")


def test_nor_one_that_the_person_took_back(television: App, hers: FlaskClient) -> None:
    said = begun(television)
    devices.answer(hers, said["user_code"])
    with database.transaction() as session:
        session.execute(update(Grant).values(revoked_at=clock.now(), revoked_because="consent revoked"))
    assert poll(television, said["device_code"]).error == (400, "invalid_grant")


def test_the_resource_is_the_one_that_was_allowed(app: Any, hers: FlaskClient) -> None:
    """RFC 8707 section 2.2: narrowed at the token endpoint, never widened."""
    api = protocol.add_resource("https://reports.example")
    television = devices.register(resources=[api])
    said = begun(television, resource=api)
    devices.answer(hers, said["user_code"])
    assert protocol.claims(poll(television, said["device_code"]).json["access_token"])["aud"] == api
