"""No client, person or grant leaves rows behind without end (security.md E21)."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from authserver import database
from authserver.domain.limits import stored_rows
from authserver.models import AccessToken, RevokedToken, UsedJti
from tests.conftest import Person
from tests.support import own_jwts
from tests.support.protocol import (
    App,
    add_resource,
    bearer,
    client_credentials,
    introspect,
    refresh,
    register,
    revoke,
    tokens_for,
)

pytestmark = pytest.mark.usefixtures("app")
FREE = pytest.mark.parametrize("overrides", [{"rate_limit_token": "off"}])


@pytest.fixture(autouse=True)
def _low_ceilings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "CEILINGS", dict.fromkeys(stored_rows.CEILINGS, "3/hour"))


def machine(*resources: str) -> App:
    keys = own_jwts.key_set(own_jwts.pair())
    return register(grant_types=["client_credentials"], jwks=keys, resources=list(resources))


def stored(table: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@FREE
def test_opaque_tokens_of_a_client_for_itself_have_a_ceiling() -> None:
    app = register(access_token_format="opaque")
    assert [client_credentials(app).status for _ in range(5)] == [200, 200, 200, 429, 429]
    assert stored(AccessToken) == 3


@FREE
def test_a_grant_leaves_so_many_spent_refresh_tokens(alice: Person) -> None:
    app = register()
    token = tokens_for(alice.id, app)["refresh_token"]
    for _ in range(4):  # the one beyond the ceiling still gets its successor, and marks it
        token = refresh(app, token).json["refresh_token"]
    assert refresh(app, token).error == (429, "slow_down")


@pytest.mark.parametrize("overrides", [{"rate_limit_jwt": "2/hour"}])
def test_a_jwt_beyond_its_clients_limit_stays_unused(http: FlaskClient) -> None:
    sender = machine()
    answers = [http.get("/v1/me", headers=bearer(own_jwts.own(sender.id))) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429]
    assert answers[-1].headers["X-RateLimit-Remaining"] == "0"
    assert stored(UsedJti) == 2


def test_introspecting_single_use_jwts_has_a_ceiling() -> None:
    sender, gateway = machine(), register(name="Gateway", introspect_all=True)
    seen = [introspect(gateway, own_jwts.own(sender.id)).json["active"] for _ in range(5)]
    assert seen == [True, True, True, False, False]
    assert stored(UsedJti) == 3


@pytest.mark.parametrize("overrides", [{"rate_limit_jwt": "2/hour"}])
@pytest.mark.parametrize("door", ["/v1/me", "/gateway/auth"])
def test_a_jwt_that_is_meant_for_another_api_counts_too(http: FlaskClient, door: str) -> None:
    add_resource("https://reports.example")
    sender = machine("https://reports.example")
    said = [own_jwts.own(sender.id, aud="https://reports.example") for _ in range(4)]
    assert [http.get(door, headers=bearer(each)).status_code for each in said] == [401, 401, 429, 429]
    assert stored(UsedJti) == 2


def test_jwts_of_who_may_not_introspect_have_a_ceiling(http: FlaskClient) -> None:
    sender = machine()
    for _ in range(5):
        http.post("/oauth/introspect", data={"token": "x"}, headers=bearer(own_jwts.own(sender.id)))
    assert stored(UsedJti) == 3


@FREE
def test_access_tokens_that_the_apps_of_one_owner_give_back_have_a_ceiling(alice: Person) -> None:
    apps = [register(owner_id=alice.id, grant_types=["client_credentials"]) for _ in range(2)]
    tokens = [(app, client_credentials(app).json["access_token"]) for app in apps * 2]
    assert [revoke(app, token).status for app, token in tokens] == [200, 200, 200, 429]
    assert stored(RevokedToken) == 3


def test_one_person_spends_not_all_that_the_apps_of_an_owner_give_back(
    alice: Person, bob: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stored_rows.CEILINGS, "revocation", "5/hour")
    spa = register(owner_id=bob.id, public=True)
    hers = [tokens_for(mallory.id, spa)["access_token"] for _ in range(5)]
    assert [revoke(spa, token).status for token in hers] == [200, 200, 200, 429, 429]
    assert revoke(spa, tokens_for(alice.id, spa)["access_token"]).status == 200
    assert revoke(spa, hers[3]).status == 429


def test_nobodys_app_spends_what_the_apps_of_others_give_back_of_the_same_person(
    alice: Person, bob: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stored_rows.CEILINGS, "revocation_of_person", "2/hour")
    greedy, other = register(owner_id=mallory.id), register(owner_id=bob.id)
    tokens = [tokens_for(alice.id, greedy)["access_token"] for _ in range(3)]
    assert [revoke(greedy, token).status for token in tokens] == [200, 200, 429]
    assert revoke(other, tokens_for(alice.id, other)["access_token"]).status == 200


def test_apps_that_registered_themselves_share_what_they_give_back_of_a_person(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stored_rows.CEILINGS, "revocation_of_person", "2/hour")
    apps = [register(self_registered=True) for _ in range(3)]
    assert [revoke(app, tokens_for(alice.id, app)["access_token"]).status for app in apps] == [200, 200, 429]
