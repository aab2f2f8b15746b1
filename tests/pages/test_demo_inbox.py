"""/demo/webhook-inbox: a receiver that knows ours from others, in the demo alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.domain.demo import inbox as webhook_inbox
from authserver.domain.demo import seeding
from authserver.domain.webhooks import courier
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.lib import clock, webhook_signatures
from tests.conftest import Person
from tests.support import receivers
from tests.support.webhooks import SECRET, endpoint, happen

PATH = webhook_inbox.PATH


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"demo": True, "outbound_allow": ("127.0.0.1", "localhost")}


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    webhook_inbox._arrived.clear()
    yield
    webhook_inbox._arrived.clear()


def test_a_real_delivery_is_genuine_and_a_repeated_one_is_marked(http: FlaskClient, alice: Person) -> None:
    with receivers.listening() as receiver:
        endpoint(alice, receiver.url(), secret=SECRET)
        happen(alice)
        courier.send_due()
    [got] = receiver.got
    headers = {name: value for name, value in got.headers.items() if name != "Host"}
    for _ in range(2):
        assert http.post(PATH, data=got.body, headers=headers).status_code == 204
    page = http.get(PATH).get_data(as_text=True)
    assert page.count("Genuine") == 2
    assert page.count("Repeated") == 1


def forged(alice: Person) -> tuple[bytes, dict[str, str]]:
    row = endpoint(alice, "http://127.0.0.1:9/", secret=SECRET)
    body = json.dumps({"id": "evt_1", "type": "user.login", "metadata": {"webhook_id": row.id}}).encode()
    wrong = "whsec_" + "A" * 32
    return body, webhook_signatures.headers("X-Kaie-Signature", [wrong], "evt_1", clock.now(), body)


def test_what_is_forged_is_refused_and_shown_as_such(http: FlaskClient, alice: Person) -> None:
    body, headers = forged(alice)
    assert http.post(PATH, data=body, headers=headers).status_code == 401
    assert "Not ours" in http.get(PATH).get_data(as_text=True)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"\xff\xfe", b'{"id": 1}', b"[" * 100_000, b'"><script>x</script>']
)
def test_nonsense_is_refused_and_shown_as_text(http: FlaskClient, body: bytes) -> None:
    assert http.post(PATH, data=body).status_code == 401
    assert "<script>x" not in http.get(PATH).get_data(as_text=True)


def test_only_the_last_fifty_are_kept(http: FlaskClient) -> None:
    for _ in range(60):
        http.post(PATH, data=b"{}")
    assert len(webhook_inbox.recent()) == 50


def test_the_seeded_webhook_begins_with_a_test_and_follows_the_issuer(app: object, settings: Any) -> None:
    import dataclasses

    from authserver import config

    card = seeding.seed({}, fixed=False, keep=lambda _card: None)
    seeding.seed(card, fixed=False, keep=lambda _card: None)
    [row], _ = webhook_endpoints.page(None)
    assert row.url == settings.issuer + PATH
    assert [each.type for each in webhook_deliveries.page(row.id)[0]][-1] == "webhook.test"
    with config.using(dataclasses.replace(settings, issuer="http://localhost:8123")):
        seeding.seed(card, fixed=False, keep=lambda _card: None)
    [row], _ = webhook_endpoints.page(None)
    assert row.url == "http://localhost:8123" + PATH


class TestElsewhere:
    @pytest.fixture
    def overrides(self) -> dict[str, Any]:
        return {}

    def test_there_is_no_inbox_outside_the_demo(self, http: FlaskClient) -> None:
        assert http.get(PATH).status_code == 404
        assert http.post(PATH, data=b"{}").status_code in (404, 405)
