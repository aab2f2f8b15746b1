"""AUTHSERVER_RATE_LIMIT_TOKEN: token requests, counted after authentication (contract 2)."""

from __future__ import annotations

import pytest

from authserver.domain.grants import refresh_tokens
from tests.conftest import Person
from tests.support.protocol import App, allow, client_credentials, exchange, refresh, register, send, tokens_for

LIMITED = pytest.mark.parametrize("overrides", [{"rate_limit_token": "3/minute"}])
SLOW = (429, "slow_down")


@LIMITED
def test_a_client_gets_so_many_tokens_for_itself(web_app: App, auditor: App) -> None:
    assert [client_credentials(web_app).status for _ in range(4)] == [200, 200, 200, 429]
    refused = client_credentials(web_app)
    assert refused.error == SLOW
    assert 0 < int(refused.header("Retry-After") or 0) <= 60
    assert client_credentials(auditor).status == 200


@LIMITED
def test_nobody_spends_the_budget_of_a_client_without_its_secret(web_app: App) -> None:
    for _ in range(6):
        send("/oauth/token", {"grant_type": "client_credentials", "client_id": web_app.id, "client_secret": "guess"})
    assert [client_credentials(web_app).status for _ in range(3)] == [200, 200, 200]


@LIMITED
def test_requests_that_get_no_token_are_not_counted(web_app: App) -> None:
    for _ in range(5):
        assert client_credentials(web_app, scope="nonsense").status == 400
    assert client_credentials(web_app).status == 200


@LIMITED
def test_a_grant_is_refreshed_so_often_and_no_token_is_lost_by_the_refusal(alice: Person, web_app: App) -> None:
    token = tokens_for(alice.id, web_app)["refresh_token"]
    for _ in range(3):
        token = refresh(web_app, token).json["refresh_token"]
    assert refresh(web_app, token).error == SLOW
    assert refresh_tokens.find(token).used_us is None
    other = tokens_for(alice.id, web_app)["refresh_token"]
    assert refresh(web_app, other).status == 200


@LIMITED
def test_a_public_clients_requests_are_counted_by_address_too(alice: Person) -> None:
    spa = register(public=True, grant_types=["authorization_code", "refresh_token"])
    answers = [exchange(spa, allow(alice.id, spa)).status for _ in range(4)]
    assert answers == [200, 200, 200, 429]


@pytest.mark.parametrize("overrides", [{"rate_limit_token": "off"}])
def test_off_counts_nothing(web_app: App) -> None:
    assert {client_credentials(web_app).status for _ in range(12)} == {200}
