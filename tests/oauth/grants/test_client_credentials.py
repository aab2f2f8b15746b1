"""grant_type=client_credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from authserver import database
from authserver.domain.ground import cache, usage
from authserver.models import AccessToken
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App, client_credentials


def test_a_client_gets_a_token_for_itself(web_app: App) -> None:
    reply = client_credentials(web_app)
    claims = protocol.claims(reply.json["access_token"])
    assert reply.status == 200
    assert (claims["sub"], claims["client_id"]) == (web_app.id, web_app.id)
    assert claims["exp"] - claims["iat"] == reply.json["expires_in"] == 3600


def test_no_refresh_token_and_no_id_token_come_with_it(web_app: App) -> None:
    assert client_credentials(web_app).json.keys() == {"access_token", "token_type", "expires_in", "scope"}


def test_asking_for_no_scope_gives_every_assigned_one(web_app: App) -> None:
    assert client_credentials(web_app).json["scope"].split() == protocol.SCOPES


def test_unassigned_scopes_are_dropped_and_the_answer_says_so(web_app: App) -> None:
    reply = client_credentials(web_app, scope="workflows:read workflows:delete nonsense")
    assert reply.json["scope"] == "workflows:read"
    assert protocol.claims(reply.json["access_token"])["scope"] == "workflows:read"


@pytest.mark.parametrize("scope", ["workflows:delete", "admin", "nonsense", 'bad"scope', "a  b", "\u00e9"])
def test_a_scope_of_which_nothing_is_left_is_refused(web_app: App, scope: str) -> None:
    assert client_credentials(web_app, scope=scope).error == (400, "invalid_scope")


def test_an_admin_scope_lasts_only_while_the_owner_is_an_administrator(alice: Person) -> None:
    app = protocol.register(owner_id=alice.id, scopes=["admin", "workflows:read"])
    assert client_credentials(app).json["scope"] == "workflows:read"


def test_a_public_client_cannot_act_for_itself(spa: App) -> None:
    protocol.change(spa, grant_types=["client_credentials"])
    assert client_credentials(spa).error == (400, "unauthorized_client")


def test_a_client_without_the_grant_is_refused() -> None:
    app = protocol.register(grant_types=["authorization_code"])
    assert client_credentials(app).error == (400, "unauthorized_client")


def test_the_audience_is_the_issuer_unless_a_resource_is_asked_for(web_app: App) -> None:
    api = protocol.add_resource("https://api.example")
    protocol.change(web_app, resources=[api])
    assert protocol.claims(client_credentials(web_app).json["access_token"])["aud"] == "http://localhost:8000"
    assert protocol.claims(client_credentials(web_app, resource=api).json["access_token"])["aud"] == api


def test_several_resources_give_a_list_of_audiences(web_app: App) -> None:
    apis = [protocol.add_resource(f"https://{name}.example") for name in ("one", "two")]
    protocol.change(web_app, resources=apis)
    assert protocol.claims(client_credentials(web_app, resource=apis).json["access_token"])["aud"] == apis


@pytest.mark.parametrize("resource", ["https://other.example", "https://unknown.example", "not a uri", "https://"])
def test_a_foreign_or_unknown_resource_is_refused(web_app: App, resource: str) -> None:
    protocol.add_resource("https://other.example")
    assert client_credentials(web_app, resource=resource).error == (400, "invalid_target")


def test_a_client_with_opaque_tokens_gets_one_that_works(auditor: App) -> None:
    app = protocol.register(access_token_format="opaque")
    token = client_credentials(app).json["access_token"]
    assert token.startswith("kaie_at_")
    assert protocol.introspect(auditor, token).json["sub"] == app.id


def test_a_resource_with_opaque_tokens_wins_over_the_client(web_app: App) -> None:
    api = protocol.add_resource("https://api.example", access_token_format="opaque")
    protocol.change(web_app, resources=[api])
    assert client_credentials(web_app, resource=api).json["access_token"].startswith("kaie_at_")


def test_a_warm_request_sends_no_statement_and_leaves_no_row(web_app: App, statements: Callable[[], Any]) -> None:
    client_credentials(web_app)
    usage.flush()
    with statements() as sent:
        assert client_credentials(web_app).status == 200
    assert sent == []
    with database.reading() as session:
        assert session.query(AccessToken).count() == 0


def test_two_tokens_of_one_second_differ(web_app: App) -> None:
    tokens = {client_credentials(web_app).json["access_token"] for _ in range(20)}
    assert len(tokens) == 20


def test_a_disabled_client_is_refused_as_soon_as_the_cache_looks(web_app: App) -> None:
    assert client_credentials(web_app).status == 200
    protocol.change(web_app, disabled_at=1)
    cache.forget()
    assert client_credentials(web_app).error == (401, "invalid_client")


def test_the_client_decides_how_long_its_tokens_live() -> None:
    app = protocol.register(access_token_ttl=300)
    assert client_credentials(app).json["expires_in"] == 300
