"""What apps that registered themselves do at an API that is open to them counts together, person by person."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.domain.access import resources
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App, introspect, tokens_for

API = "https://notes.example"


@pytest.fixture
def api(app: object) -> App:
    """The API, and the app that checks its tokens."""
    resources.create(API, "Notes", scopes=("notes:read",), open=True, open_rate_limit="3/hour")
    return protocol.register(resource_server_for=[API])


def token_of(person: Person, **columns: Any) -> str:
    app = protocol.register(**{"self_registered": True, "installation": False, "scopes": ["notes:read"]} | columns)
    return str(tokens_for(person.id, app, scopes=["notes:read"], resources=[API])["access_token"])


def call(browser: FlaskClient, token: str) -> Any:
    return browser.get("/gateway/auth/notes:read", headers={"Authorization": f"Bearer {token}"})


def test_another_app_has_no_limit_of_its_own(api: App, http: FlaskClient, alice: Person, bob: Person) -> None:
    tokens = [token_of(alice) for _ in range(4)]
    assert [call(http, each).status_code for each in tokens] == [200, 200, 200, 429]
    refused = call(http, tokens[0])
    assert refused.headers["X-RateLimit-Limit"] == "3"
    assert 'open-api";q=3;w=3600' in refused.headers["RateLimit-Policy"]
    assert call(http, token_of(bob)).status_code == 200


def test_an_app_that_somebody_registered_is_not_among_them(api: App, http: FlaskClient, alice: Person) -> None:
    ours = token_of(alice, self_registered=False, installation=True, resources=[API])
    assert [call(http, ours).status_code for _ in range(5)] == [200] * 5
    assert call(http, ours).headers["X-RateLimit-Limit"] == "1000"


def test_introspection_judges_by_it_and_counts_when_asked(api: App, http: FlaskClient, alice: Person) -> None:
    """Contract 11.17."""
    one, other = token_of(alice), token_of(alice)
    assert introspect(api, one).json["rate_limit"]["remaining"] == 3
    for _ in range(3):
        assert introspect(api, one, rate_limit="consume").json["rate_limit"]["allowed"]
    refused = introspect(api, other, rate_limit="consume").json["rate_limit"]
    assert (refused["policy"], refused["limit"], refused["allowed"]) == ("open-api", 3, False)
    assert refused["retry_after"] > 0
    assert call(http, other).status_code == 429


def test_what_the_api_refuses_uses_up_nothing_of_the_app(api: App, http: FlaskClient, alice: Person) -> None:
    token = token_of(alice)
    for _ in range(6):
        call(http, token)
    resources.update(API, "Notes", open=True)
    assert call(http, token).headers["X-RateLimit-Remaining"] == "996"


def test_without_a_limit_they_have_that_of_one_app(api: App, http: FlaskClient, alice: Person) -> None:
    resources.update(API, "Notes", open=True)
    call(http, token_of(alice))
    assert call(http, token_of(alice)).headers["X-RateLimit-Remaining"] == "998"
