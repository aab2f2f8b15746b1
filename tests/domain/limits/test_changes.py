"""Nobody fills the disk by changing things: what one person changes is counted, and what is kept of it is short."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.limits import changes
from authserver.domain.record import audit
from authserver.lib import canonical_json
from authserver.models import AuditEvent, WebhookEvent
from tests.conftest import Person
from tests.support import protocol

WEB = {"client_name": "App", "redirect_uris": ["https://app.example.test/cb"]}


def key_of(person: Person) -> dict[str, str]:
    return protocol.bearer(api_keys.create(person.user, Wish("Test", "full_access"))[1])


def changed(http: FlaskClient, path: str, uris: list[str], by: dict[str, str]) -> int:
    return http.patch(path, json={"redirect_uris": uris}, headers=by).status_code


def test_keys_of_one_person_share_a_budget_of_changes_that_ending_things_takes_nothing_of(
    http: FlaskClient, alice: Person, bob: Person, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "LIMIT", "3/hour")
    keys, others = [key_of(alice) for _ in range(2)], (key_of(bob), key_of(ada))
    made = [http.post("/v1/clients", json=WEB, headers=keys[number % 2]) for number in range(4)]
    assert [each.status_code for each in made] == [201, 201, 201, 429]
    assert int(made[-1].headers["Retry-After"]) > 0 and b"RATE_LIMIT_EXCEEDED" in made[-1].data
    path = made[0].headers["Location"]
    assert http.patch(path, json={"description": "x"}, headers=keys[0]).status_code == 429
    assert http.get(path, headers=keys[0]).status_code == 200
    assert http.delete(path, headers=keys[0]).status_code == 204
    assert http.post("/v1/clients", json=WEB, headers=others[0]).status_code == 201
    assert [http.post("/v1/clients", json=WEB, headers=others[1]).status_code for _ in range(4)] == [201] * 4


def test_an_apps_own_token_spends_its_owners_budget(
    http: FlaskClient, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "LIMIT", "1/hour")
    app = protocol.register(owner_id=alice.id, scopes=["settings:manage"], grant_types=["client_credentials"])
    token = protocol.bearer(protocol.client_credentials(app).json["access_token"])
    assert http.post("/v1/clients", json=WEB, headers=token).status_code == 201
    assert http.post("/v1/clients", json=WEB, headers=key_of(alice)).status_code == 429


def test_what_is_kept_of_a_change_is_short_however_long_the_change_is(http: FlaskClient, alice: Person) -> None:
    by = key_of(alice)
    hook = {"name": "All", "url": "https://hooks.example.test/in"}
    http.post("/v1/webhooks", json=hook, headers=by)
    path = http.post("/v1/clients", json=WEB, headers=by).headers["Location"]
    long = [f"https://app.example.test/{number}{'x' * 1000}" for number in range(45)]
    assert changed(http, path, long, by) == 200
    assert changed(http, path, [each + "y" for each in long], by) == 200
    with database.reading() as session:
        told = session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(1)).one().data
        sent = session.scalars(select(WebhookEvent).order_by(WebhookEvent.at_us.desc()).limit(1)).one().facts
    assert len(canonical_json.dumps(told)) <= audit.MAX_DATA and len(canonical_json.dumps(sent)) < 2 * audit.MAX_DATA
    before, after = told["changed"]["redirect_uris"]
    assert before[0].startswith(long[0][:50]) and after[-1].endswith("more")
    assert told["cut"]["bytes"] > 90_000 and len(told["cut"]["sha256"]) == 64
    assert audit.verify().sound
