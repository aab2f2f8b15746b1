"""A credential that is ended between its look and its write makes nothing: a race that a thief wins who tries on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.authorization import steps as authorization_steps
from authserver.domain.clients import endings
from authserver.domain.grants import consents
from authserver.domain.ground import one_time_links
from authserver.domain.limits import changes
from authserver.domain.people import sessions, users
from authserver.domain.tokens import disowning, leaks
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.wishes import Wish as Hook
from authserver.models import ApiKey, AuthorizationCode, Client, ClientSecret, ClientTransfer, Grant, WebhookEndpoint
from tests.api.conftest import Caller, key_of
from tests.conftest import Person
from tests.support import authorizing, forms, protocol
from tests.support.authorizing import answer_consent, authorize, followed, sign_in

SCOPES = ["keys:manage", "settings:manage", "workflows:read", "analytics:read"]
Ending = Callable[[], object]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Ending], None]:
    """Let this happen to the next request, after its credential was found good and before anything is written."""

    def arrange(ending: Ending) -> None:
        for name in ("spend", "spend_on_page"):

            def happen(_holder: str) -> None:
                monkeypatch.undo()
                ending()

            monkeypatch.setattr(changes, name, happen)

    return arrange


def made() -> list[int]:
    """How many there are of what a request could make, and what is changed by it."""
    with database.reading() as session:
        tables = (ApiKey, Client, ClientSecret, ClientTransfer, WebhookEndpoint, Grant, AuthorizationCode)
        return [session.scalar(select(func.count()).select_from(each)) or 0 for each in tables]


class Things:
    """What Alice has, for a path of each operation."""

    def __init__(self, alice: Person, bob: Person) -> None:
        self.app = protocol.register(owner_id=alice.id, scopes=["workflows:read"]).id
        self.hook = webhook_endpoints.create(alice.user, Hook("Hook", "https://hooks.example.test/in"))[0].id
        bounded = api_keys.Wish("Old", "read_only", allowed_networks=("192.0.2.0/24",))
        self.key = api_keys.create(alice.user, bounded)[0].id
        self.bob = bob.id

    def of(self, text: Any) -> Any:
        if isinstance(text, dict):
            return {name: self.of(value) for name, value in text.items()}
        return text.format(app=self.app, hook=self.hook, key=self.key, bob=self.bob) if isinstance(text, str) else text


MAKINGS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/api-keys", {"name": "Made", "permission": "read_only"}),
    ("PATCH", "/v1/api-keys/{key}", {"allowed_networks": []}),
    ("POST", "/v1/api-keys/{key}/rotate", {}),
    ("POST", "/v1/clients", {"client_name": "Made", "scope": "workflows:read"}),
    ("PATCH", "/v1/clients/{app}", {"redirect_uris": ["https://evil.example/cb"]}),
    ("POST", "/v1/clients/{app}/secrets", {}),
    ("POST", "/v1/clients/{app}/transfer", {"owner": "{bob}"}),
    ("POST", "/v1/webhooks", {"name": "Made", "url": "https://hooks.example.test/in"}),
    ("PATCH", "/v1/webhooks/{hook}", {"url": "https://hooks.example.test/other"}),
    ("POST", "/v1/webhooks/{hook}/secret", {}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body"), MAKINGS, ids=lambda each: each if isinstance(each, str) else "")
def test_what_a_key_makes_while_it_is_reported_as_leaked_is_not_made(
    call: Caller, alice: Person, bob: Person, meanwhile: Any, method: str, path: str, body: dict[str, Any]
) -> None:
    things, key = Things(alice, bob), key_of(alice)
    before = made()
    meanwhile(lambda: leaks.report(key, "", ip="192.0.2.9"))
    answer = call(method, things.of(path), key, things.of(body))
    assert answer.error == (403, "INSUFFICIENT_PERMISSIONS") and "ended in this moment" in str(answer.json)
    assert made() == before
    assert call("GET", "/v1/me", key).status == 401


def by_its_person(alice: Person, app: protocol.App) -> str:
    return str(protocol.tokens_for(alice.id, app, scopes=SCOPES)["access_token"])


def by_itself(_alice: Person, app: protocol.App) -> str:
    return str(protocol.client_credentials(app).json["access_token"])


@pytest.mark.parametrize(
    ("credential", "ending"),
    [
        (by_its_person, lambda alice, app: consents.revoke(alice.id, app.id)),
        (by_its_person, lambda alice, app: users.disable(alice.id)),
        (by_itself, lambda alice, app: endings.disable(alice.user, app.id)),
        (by_itself, lambda alice, app: endings.revoke_tokens(alice.user, app.id)),
        (by_itself, lambda alice, app: endings.remove(alice.user, app.id)),
        (by_itself, lambda alice, app: users.disable(alice.id)),
    ],
    ids=["consent revoked", "person disabled", "app disabled", "tokens ended", "app deleted", "owner disabled"],
)
def test_what_a_token_makes_while_it_is_ended_is_not_made(
    call: Caller, alice: Person, meanwhile: Any, credential: Any, ending: Any
) -> None:
    app = protocol.register(owner_id=alice.id, scopes=SCOPES)
    hook = webhook_endpoints.create(alice.user, Hook("Hook", "https://hooks.example.test/in"))[0].id
    token = credential(alice, app)
    before = made()
    meanwhile(lambda: ending(alice, app))
    assert call("PATCH", f"/v1/webhooks/{hook}", token, {"url": "https://evil.example/in"}).status in (403, 404)
    assert made() == before and webhook_endpoints.get(None, hook).url == "https://hooks.example.test/in"


def disown(person: Person) -> None:
    with database.transaction() as session:
        link = one_time_links.make(session, person.user, "not_me").rpartition("/")[2]
    disowning.disown(link, everything=True)


def test_a_key_that_a_thief_makes_on_a_page_while_they_are_disowned_is_not_made(
    http: FlaskClient, alice: Person, meanwhile: Any
) -> None:
    sign_in(http, alice)
    meanwhile(lambda: disown(alice))
    answer = forms.submit(http, "/settings/api-keys/new", name="Thief's", permission="read_only")
    assert (answer.status_code, made()[0]) == (403, 0)


def test_what_a_thief_allows_an_app_while_they_are_disowned_is_not_allowed(
    http: FlaskClient, alice: Person, bob: Person, meanwhile: Any
) -> None:
    authorizing.make_app(owner_id=bob.id)
    sign_in(http, alice)
    page = followed(http, authorize(http))
    meanwhile(lambda: disown(alice))
    assert answer_consent(http, page).status_code == 403
    assert made()[-2:] == [0, 0]


@pytest.mark.parametrize(
    "ending",
    [
        lambda person, session_id: consents.revoke(person.id, "notes"),
        lambda person, session_id: sessions.end(person.id, session_id),
        lambda person, session_id: disown(person),
    ],
    ids=["consent revoked", "signed out", "disowned"],
)
def test_an_app_gets_no_code_by_a_consent_or_session_that_ends_meanwhile(
    http: FlaskClient, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch, ending: Any
) -> None:
    authorizing.make_app(owner_id=bob.id)
    session_id = sign_in(http, alice)
    assert answer_consent(http, followed(http, authorize(http))).status_code == 303
    before, judged = made(), authorization_steps.next_step

    def next_step(*given: Any) -> Any:
        found = judged(*given)
        ending(alice, session_id)
        return found

    monkeypatch.setattr(authorization_steps, "next_step", next_step)
    answer = authorize(http)
    assert "code=" not in answer.headers.get("Location", "") and answer.status_code in (400, 403)
    assert made() == before
