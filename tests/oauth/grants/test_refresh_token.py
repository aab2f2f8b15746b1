"""grant_type=refresh_token: families, grace, and what ends them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from authserver import database
from authserver.domain.ground import usage
from authserver.lib import clock, secrets
from authserver.models import AuditEvent, Grant, RefreshToken, User
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App, introspect, refresh, tokens_for
from tests.support.races import in_parallel

REFUSED = (400, "invalid_grant")
STRICT = pytest.mark.parametrize("overrides", [{"refresh_grace": 0}])


def edit(token: str, **columns: Any) -> None:
    with database.transaction() as session:
        row = session.get_one(RefreshToken, secrets.digest(token))
        for name, value in columns.items():
            setattr(row, name, value)


def let_grace_pass(token: str) -> None:
    edit(token, used_us=clock.now_us() - 11_000_000)


def reuse_events() -> list[AuditEvent]:
    with database.reading() as session:
        return session.query(AuditEvent).filter_by(type="refresh_token.reused").all()


def live_leaves() -> int:
    with database.reading() as session:
        return session.query(RefreshToken).filter(RefreshToken.used_us.is_(None)).count()


@pytest.fixture
def first(web_app: App, alice: Person) -> str:
    """The first refresh token of a grant of Alice to the web app."""
    return str(tokens_for(alice.id, web_app)["refresh_token"])


def test_a_refresh_gives_new_tokens_for_the_same_person(web_app: App, first: str, alice: Person) -> None:
    reply = refresh(web_app, first)
    assert reply.status == 200
    assert reply.json["refresh_token"] != first
    assert protocol.claims(reply.json["access_token"])["sub"] == alice.id
    assert reply.json["scope"].split() == protocol.SCOPES


def test_its_id_token_repeats_who_and_when_but_no_nonce(web_app: App, alice: Person) -> None:
    before = tokens_for(alice.id, web_app)
    after = protocol.claims(refresh(web_app, before["refresh_token"]).json["id_token"])
    assert "nonce" not in after
    assert after["auth_time"] == protocol.claims(before["id_token"])["auth_time"]


def test_a_retry_within_the_grace_gets_the_same_successor(web_app: App, first: str) -> None:
    answers = [refresh(web_app, first).json for _ in range(3)]
    assert len({answer["refresh_token"] for answer in answers}) == 1
    assert len({answer["access_token"] for answer in answers}) == 3
    assert live_leaves() == 1


def test_after_the_grace_a_reuse_ends_the_family(web_app: App, auditor: App, first: str, alice: Person) -> None:
    newest = refresh(web_app, first).json
    let_grace_pass(first)
    assert refresh(web_app, first).error == REFUSED
    for name in ("access_token", "refresh_token"):
        assert introspect(auditor, newest[name]).body == b'{"active":false}'
    assert refresh(web_app, newest["refresh_token"]).error == REFUSED
    (event,) = reuse_events()
    assert (event.owner_id, event.client_id, event.result) == (alice.id, web_app.id, "refused")


def test_a_clock_that_was_set_back_opens_no_grace_again(web_app: App, first: str) -> None:
    refresh(web_app, first)
    edit(first, used_us=clock.now_us() + 3_600_000_000)
    assert refresh(web_app, first).error == REFUSED


def test_the_grace_ends_once_the_successor_was_used(web_app: App, auditor: App, first: str) -> None:
    second = refresh(web_app, first).json["refresh_token"]
    third = refresh(web_app, second).json["refresh_token"]
    assert refresh(web_app, first).error == REFUSED
    assert introspect(auditor, third).json == {"active": False}


def test_an_ancestor_three_generations_back_ends_the_family(web_app: App, auditor: App, first: str) -> None:
    token = first
    for _ in range(3):
        token = refresh(web_app, token).json["refresh_token"]
    assert refresh(web_app, first).error == REFUSED
    assert introspect(auditor, token).json == {"active": False}


@STRICT
def test_without_grace_the_second_use_ends_the_family(web_app: App, first: str) -> None:
    second = refresh(web_app, first).json["refresh_token"]
    assert refresh(web_app, first).error == REFUSED
    assert refresh(web_app, second).error == REFUSED
    assert len(reuse_events()) == 1


def test_a_family_that_ended_reports_no_second_reuse(web_app: App, first: str) -> None:
    refresh(web_app, first)
    let_grace_pass(first)
    for _ in range(3):
        assert refresh(web_app, first).error == REFUSED
    assert len(reuse_events()) == 1


def test_another_client_gets_nothing_and_the_family_lives(web_app: App, mallorys_app: App, first: str) -> None:
    assert refresh(mallorys_app, first).error == REFUSED
    second = refresh(web_app, first).json["refresh_token"]
    let_grace_pass(first)
    assert refresh(mallorys_app, first).error == REFUSED
    assert refresh(web_app, second).status == 200


def test_narrowing_does_not_shrink_the_family(web_app: App, first: str) -> None:
    narrowed = refresh(web_app, first, scope="workflows:read").json
    assert narrowed["scope"] == "workflows:read"
    assert "id_token" not in narrowed
    assert refresh(web_app, narrowed["refresh_token"]).json["scope"].split() == protocol.SCOPES


@pytest.mark.parametrize("scope", ["workflows:read workflows:delete", "admin", "nonsense"])
def test_a_wider_scope_is_refused_and_nothing_is_spent(web_app: App, first: str, scope: str) -> None:
    assert refresh(web_app, first, scope=scope).error == (400, "invalid_scope")
    assert refresh(web_app, first).status == 200


def test_another_resource_is_refused_and_nothing_is_spent(web_app: App, alice: Person) -> None:
    apis = [protocol.add_resource(f"https://{name}.example") for name in ("one", "two")]
    protocol.change(web_app, resources=apis)
    token = tokens_for(alice.id, web_app, resources=apis[:1])["refresh_token"]
    assert refresh(web_app, token, resource=apis[1]).error == (400, "invalid_target")
    assert protocol.claims(refresh(web_app, token).json["access_token"])["aud"] == apis[0]


def test_a_resource_that_is_gone_is_no_reason_for_a_wider_audience(web_app: App, alice: Person) -> None:
    api = protocol.add_resource("https://one.example")
    protocol.change(web_app, resources=[api])
    token = tokens_for(alice.id, web_app, resources=[api])["refresh_token"]
    protocol.change(web_app, resources=[])
    assert refresh(web_app, token).error == REFUSED


def test_a_scope_the_app_lost_is_not_refreshed(web_app: App, first: str) -> None:
    protocol.change(web_app, scopes=["openid", "workflows:read"])
    second = refresh(web_app, first).json
    assert second["scope"] == "openid workflows:read"
    protocol.change(web_app, scopes=[])
    assert refresh(web_app, second["refresh_token"]).error == REFUSED


def test_an_idle_token_dies(web_app: App, first: str) -> None:
    edit(first, expires_at=clock.now())
    assert refresh(web_app, first).error == REFUSED


def test_no_token_outlives_the_absolute_end_of_its_family(web_app: App, first: str) -> None:
    with database.transaction() as session:
        grant = session.query(Grant).one()
        grant.expires_at = end = clock.now() + 100
    second = refresh(web_app, first).json["refresh_token"]
    with database.reading() as session:
        assert session.get_one(RefreshToken, secrets.digest(second)).expires_at == end
    with database.transaction() as session:
        session.query(Grant).one().expires_at = clock.now()
    assert refresh(web_app, second).error == REFUSED


@pytest.mark.parametrize("change", [{"disabled_at": 1}, {"tokens_not_before": 2**40}])
def test_a_disabled_person_refreshes_nothing(web_app: App, first: str, alice: Person, change: dict[str, int]) -> None:
    with database.transaction() as session:
        for name, value in change.items():
            setattr(session.get_one(User, alice.id), name, value)
    assert refresh(web_app, first).error == REFUSED


def test_tokens_before_the_clients_not_before_date_are_dead(web_app: App, first: str) -> None:
    protocol.change(web_app, tokens_not_before=clock.now() + 100)
    assert refresh(web_app, first).error == REFUSED


def test_a_client_that_lost_the_grant_is_refused(web_app: App, first: str) -> None:
    protocol.change(web_app, grant_types=["authorization_code"])
    assert refresh(web_app, first).error == (400, "unauthorized_client")


@pytest.mark.parametrize("token", ["x", "kaie_rt_" + "0" * 36, "kaie_at_" + "0" * 36, "\u2603", "a" * 20_000])
def test_garbage_is_refused_like_any_dead_token(web_app: App, first: str, token: str) -> None:
    reply = refresh(web_app, token)
    edit(first, expires_at=1)
    assert reply.error == REFUSED
    assert reply.body == refresh(web_app, first).body


def test_a_missing_token_is_an_invalid_request(web_app: App) -> None:
    assert refresh(web_app, "").error == (400, "invalid_request")


def test_a_flipped_character_touches_no_other_family(web_app: App, first: str) -> None:
    for position in (3, 10, 20, 40):
        mangled = first[:position] + ("x" if first[position] != "x" else "y") + first[position + 1 :]
        assert refresh(web_app, mangled).error == REFUSED
    assert refresh(web_app, first).status == 200


def test_the_database_alone_does_not_reveal_the_successor(web_app: App, first: str) -> None:
    second = refresh(web_app, first).json["refresh_token"]
    with database.reading() as session:
        row = session.get_one(RefreshToken, secrets.digest(first))
        text = repr([vars(each) for each in session.query(RefreshToken)])
    assert row.successor_sealed is not None
    assert second not in text
    assert second.encode() not in row.successor_sealed


def test_a_refresh_costs_one_statement_on_postgresql_and_two_on_sqlite(
    web_app: App, first: str, statements: Callable[[], Any]
) -> None:
    second = refresh(web_app, first).json["refresh_token"]
    usage.flush()
    with statements() as sent:
        assert refresh(web_app, second).status == 200
    assert len(sent) == (2 if database.dialect() == "sqlite" else 1), sent


def test_a_public_client_refreshes_by_its_id(spa: App, alice: Person) -> None:
    token = tokens_for(alice.id, spa)["refresh_token"]
    assert refresh(spa, token).status == 200


def test_parallel_retries_get_one_successor(web_app: App, first: str) -> None:
    """Trap T2: Authlib neither rotates nor notices a reuse."""
    token = first
    for _ in range(3):
        answers = in_parallel(16, lambda presented=token: refresh(web_app, presented))  # type: ignore[misc]
        assert {answer.status for answer in answers} == {200}
        successors = {answer.json["refresh_token"] for answer in answers}
        assert len(successors) == 1
        token = successors.pop()
    assert live_leaves() == 1


@STRICT
def test_without_grace_one_of_many_succeeds_and_the_family_is_over(web_app: App, first: str) -> None:
    answers = in_parallel(16, lambda: refresh(web_app, first))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 15
    (won,) = (answer for answer in answers if answer.status == 200)
    assert refresh(web_app, won.json["refresh_token"]).error == REFUSED


def test_sqlite_here_can_return_what_it_updated() -> None:
    assert sqlite3.sqlite_version_info >= (3, 35)
