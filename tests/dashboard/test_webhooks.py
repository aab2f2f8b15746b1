"""Webhook pages as their owners use them (ux.md 2.10)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.dashboard.api_keys import keys as api_keys
from authserver.dashboard.apps import credentials as apps_credentials
from authserver.dashboard.webhooks import endpoints as webhooks
from authserver.domain.webhooks import courier
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import secrets as webhook_secrets
from authserver.domain.webhooks.wishes import Wish
from authserver.lib import webhook_signatures
from tests.conftest import Person
from tests.support import authorizing, forms, receivers
from tests.support.receivers import Receiver
from tests.support.tables import rows
from tests.support.webhooks import SECRET, endpoint, happen


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receivers.listening() as made:
        yield made


@pytest.fixture
def signed_in(browser: Callable[[], FlaskClient]) -> Callable[[Person], FlaskClient]:
    def make(person: Person) -> FlaskClient:
        http = browser()
        authorizing.sign_in(http, person)
        return http

    return make


def text(http: FlaskClient, path: str) -> str:
    answer = http.get(path)
    assert answer.status_code == 200, answer.status_code
    return html.unescape(answer.get_data(as_text=True))


def add(http: FlaskClient, url: str, **fields: Any) -> Any:
    fields = {"name": "Billing", "url": url, "which": "all", "action": "save", **fields}
    page = http.get("/webhooks/new").get_data(as_text=True)
    form = forms.form_on(page, "/webhooks/new")
    values = {name: value for name, value in form.values.items() if name not in ("events",)}
    return http.post("/webhooks/new", data={**values, **fields})


def secrets_in(page: str) -> set[str]:
    return set(re.findall(r"whsec_[A-Za-z0-9+/=]{20,}", html.unescape(page)))


def test_a_webhook_is_added_and_its_secret_shown_once(signed_in: Any, alice: Person, receiver: Receiver) -> None:
    http = signed_in(alice)
    answer = add(http, receiver.url())
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    [secret] = secrets_in(answer.get_data(as_text=True))
    [row], _ = webhook_endpoints.page(alice.id)
    assert webhook_secrets.valid(row) == [secret]
    for page in ("/webhooks", f"/webhooks/{row.id}", f"/webhooks/{row.id}/edit", f"/webhooks/{row.id}/verify"):
        assert secret not in text(http, page)


def test_a_form_that_is_sent_twice_adds_one(signed_in: Any, alice: Person, receiver: Receiver) -> None:
    http = signed_in(alice)
    form = forms.form_on(http.get("/webhooks/new").get_data(as_text=True), "/webhooks/new")
    fields = {**form.values, "name": "Billing", "url": receiver.url(), "which": "all", "action": "save"}
    assert [http.post("/webhooks/new", data=fields).status_code for _ in range(2)] == [200, 409]
    assert webhook_endpoints.page(alice.id)[1] == 1


@rows(
    ("fields", "sentence"),
    [
        ({"name": ""}, "Name this webhook"),
        ({"url": ""}, "Say where to send events"),
        (
            {"url": "https://10.0.0.8/hook"},
            "10.0.0.8 is a private address. Webhooks can only go to public addresses"
            " (an operator can allow ranges in the configuration).",
        ),
        (
            {"url": "http://hooks.example.com/"},
            "http://hooks.example.com/ can't be used: a URL starts with https://.",
        ),
        (
            {"url": "https://me:secret@hooks.example.com/"},
            "https://•••@hooks.example.com/ can't be used: a URL holds no user name and no password.",
        ),
        ({"url": "https://[::ffff:10.0.0.8]/"}, "is a private address"),
        ({"which": "some"}, "Choose at least one event."),
        ({"which": "some", "events": "user.flew"}, "There is no event user.flew."),
        ({"secret": "hunter2"}, "A secret is whsec_"),
        ({"headers-0": "no colon"}, "no colon can't be used: a header has a name"),
        ({"headers-0": "Host: inner"}, "Host is set by the server itself. Choose another name."),
        ({"headers-0": "X-Kaie-Signature: sha256=0"}, "set by the server itself"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_values_are_kept(
    signed_in: Any, alice: Person, fields: dict[str, str], sentence: str
) -> None:
    answer = add(signed_in(alice), **{"url": "https://8.8.8.8/hook", **fields})
    page = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 422
    assert "<title>Error – " in page
    assert sentence in page
    if "name" not in fields:
        assert 'value="Billing"' in page
    assert webhook_endpoints.page(alice.id)[1] == 0


def test_what_is_wrong_with_a_header_stands_at_its_row(signed_in: Any, alice: Person) -> None:
    answer = add(signed_in(alice), "https://8.8.8.8/hook", **{"headers-0": "X-Team: a", "headers-1": "Host: inner"})
    page = answer.get_data(as_text=True)
    assert 'id="headers-1-error"' in page
    assert 'id="headers-0-error"' not in page and 'id="headers-error"' not in page


def test_a_given_secret_is_taken(signed_in: Any, alice: Person, receiver: Receiver) -> None:
    add(signed_in(alice), receiver.url(), secret=SECRET)
    [row], _ = webhook_endpoints.page(alice.id)
    assert webhook_secrets.valid(row) == [SECRET]


def test_a_test_is_sent_by_the_worker_before_anything_is_saved(
    signed_in: Any, alice: Person, receiver: Receiver
) -> None:
    http = signed_in(alice)
    page = add(http, receiver.url(), action="test").get_data(as_text=True)
    assert "The test is on its way." in page
    assert receiver.got == []
    courier.send_due()
    assert json.loads(receiver.got[0].body)["type"] == "webhook.test"
    tested = re.search(r'name="tested" value="([^"]+)"', page)
    assert tested
    assert "The test arrived." in add(http, receiver.url(), action="look", tested=tested[1]).get_data(as_text=True)
    assert webhook_endpoints.page(alice.id)[1] == 0


def test_the_form_shows_every_event_with_an_example(signed_in: Any, alice: Person) -> None:
    from authserver.domain.record import outbox

    page = text(signed_in(alice), "/webhooks/new")
    for type in outbox.EVENTS:
        assert f'"type": "{type}"' in page


def test_a_change_keeps_the_secret(signed_in: Any, alice: Person, receiver: Receiver) -> None:
    http, row = signed_in(alice), endpoint(alice, receiver.url(), secret=SECRET, headers={"X-Team": "blue"})
    page = f"/webhooks/{row.id}/edit"
    assert "X-Team: blue" in text(http, page)
    answer = http.post(
        page,
        data={
            "csrf_token": forms.token(http, "webhooks_form.save"),
            "name": "Renamed",
            "url": receiver.url("/other"),
            "which": "some",
            "events": ["user.login", "api_key.created"],
            "headers-0": "X-Team: red",
        },
    )
    assert answer.status_code == 303
    changed = webhook_endpoints.get(alice.id, row.id)
    assert (changed.name, changed.events) == ("Renamed", ["user.login", "api_key.created"])
    assert webhook_secrets.headers(changed) == {"X-Team": "red"}
    assert webhook_secrets.valid(changed) == [SECRET]


def test_rolling_shows_the_new_secret_once_and_says_which_header_changes_when(
    signed_in: Any, alice: Person, receiver: Receiver
) -> None:
    http, row = signed_in(alice), endpoint(alice, receiver.url(), secret=SECRET)
    answer = forms.submit(http, f"/webhooks/{row.id}/roll", overlap="24h")
    [new] = secrets_in(answer.get_data(as_text=True))
    assert webhook_secrets.valid(webhook_endpoints.get(alice.id, row.id)) == [SECRET, new]
    page = text(http, f"/webhooks/{row.id}")
    assert "Two secrets sign." in page
    assert new not in page
    forms.submit(http, f"/webhooks/{row.id}", f"/webhooks/{row.id}/end-old-secret")
    assert webhook_secrets.valid(webhook_endpoints.get(alice.id, row.id)) == [new]


def test_rolling_wants_a_fresh_proof(
    signed_in: Any, alice: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from authserver.lib import clock

    http, row, now = signed_in(alice), endpoint(alice, receiver.url()), clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 400)
    answer = http.get(f"/webhooks/{row.id}/roll")
    assert answer.status_code == 303
    assert "/login/confirm" in answer.location


@pytest.mark.parametrize(("payload", "signature", "field"), [("", "sha256=ab", "payload"), ("{}", " ", "signature")])
def test_verify_says_which_of_the_two_is_missing(
    signed_in: Any, alice: Person, payload: str, signature: str, field: str
) -> None:
    row = endpoint(alice, "http://127.0.0.1:9/")
    page = f"/webhooks/{row.id}/verify"
    answer = forms.submit(signed_in(alice), page, payload=payload, signature=signature)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422 and "<title>Error – " in text
    assert f'<a href="#{field}">Paste the ' in text and f'aria-describedby="{field}-error"' in text


def test_verify_knows_ours_from_others(signed_in: Any, alice: Person, receiver: Receiver) -> None:
    http, row = signed_in(alice), endpoint(alice, receiver.url(), secret=SECRET)
    happen(alice)
    courier.send_due()
    body, signature = receiver.got[0].body.decode(), receiver.got[0].headers["X-Kaie-Signature"]
    page = f"/webhooks/{row.id}/verify"
    assert "Genuine." in forms.submit(http, page, payload=body, signature=signature).get_data(as_text=True)
    for wrong in ({"payload": body + " "}, {"signature": "sha256=" + "0" * 64}, {"signature": "é"}):
        answer = forms.submit(http, page, **{"payload": body, "signature": signature, **wrong})
        assert "Not ours." in answer.get_data(as_text=True)


def test_deliveries_show_what_was_sent_and_what_came_back(signed_in: Any, alice: Person, receiver: Receiver) -> None:
    receiver.status = 503
    http, row = signed_in(alice), endpoint(alice, receiver.url(), secret=SECRET, headers={"X-Key": "hush"})
    happen(alice)
    courier.send_due()
    [found], _ = webhook_deliveries.page(row.id)
    listed = text(http, f"/webhooks/{row.id}/deliveries")
    assert "user.login" in listed
    assert "503" in listed
    page = text(http, f"/webhooks/{row.id}/deliveries/{found.id}")
    assert receiver.got[0].headers["X-Kaie-Signature"] in page
    assert "HTTP 503" in page
    assert "curl -i -X POST" in page
    assert "hush" not in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [("", 2), ("?state=delivered", 1), ("?state=pending", 1), ("?type=user.locked", 1), ("?state=failed", 0)],
)
def test_deliveries_can_be_filtered(signed_in: Any, alice: Person, receiver: Receiver, query: str, shown: int) -> None:
    http, row = signed_in(alice), endpoint(alice, receiver.url())
    happen(alice)
    courier.send_due()
    receiver.status = 500
    happen(alice, "user.locked")
    courier.send_due()
    page = text(http, f"/webhooks/{row.id}/deliveries{query}")
    assert len(re.findall(r"/deliveries/whd_\w+", page)) == shown


def test_resend_and_replay(signed_in: Any, alice: Person, receiver: Receiver) -> None:
    http, row = signed_in(alice), endpoint(alice, receiver.url())
    happen(alice)
    courier.send_due()
    [found], _ = webhook_deliveries.page(row.id)
    page = f"/webhooks/{row.id}/deliveries"
    assert forms.submit(http, f"{page}/{found.id}", f"{page}/{found.id}/resend").status_code == 303
    courier.send_due()
    answer = forms.submit(http, page, f"{page}/replay", include_delivered="1", since="2020-01-01T00:00")
    assert answer.status_code == 303
    courier.send_due()
    assert len({json.loads(got.body)["id"] for got in receiver.got}) == 1
    assert len(receiver.got) == 3
    assert forms.submit(http, page, f"{page}/replay", since="yesterday").status_code == 422
    forms.submit(http, page, f"{page}/replay", since="2020-01-01T00:00")
    assert "all of it has arrived" in text(http, page)
    assert courier.send_due() == 0


def test_pages_tell_how_often_it_was_sent_and_which_turns_are_left(
    signed_in: Any, alice: Person, receiver: Receiver
) -> None:
    receiver.status = 503
    http, row = signed_in(alice), endpoint(alice, receiver.url())
    happen(alice)
    courier.send_due()
    [found], _ = webhook_deliveries.page(row.id)
    assert "1 of 10 turns" in text(http, f"/webhooks/{row.id}/deliveries")
    assert "1 time, 1 of the 10 turns of the schedule used" in text(http, f"/webhooks/{row.id}/deliveries/{found.id}")
    receiver.status = 200
    webhook_deliveries.resend(alice.id, row.id, found.id)
    courier.send_due()
    assert "2 times" in text(http, f"/webhooks/{row.id}/deliveries/{found.id}")


def test_pause_test_and_delete(signed_in: Any, alice: Person, receiver: Receiver) -> None:
    http, row = signed_in(alice), endpoint(alice, receiver.url())
    page = f"/webhooks/{row.id}"
    answer = forms.submit(http, page, f"{page}/test")
    assert "/deliveries/whd_" in answer.location
    assert "Look again" in text(http, answer.location)
    forms.submit(http, page, f"{page}/switch")
    assert "Paused" in text(http, page)
    assert http.post(f"{page}/test", data={"csrf_token": forms.token(http, "webhooks.test")}).status_code == 409
    forms.submit(http, page, f"{page}/switch")
    assert webhook_endpoints.status(webhook_endpoints.get(alice.id, row.id)) == "active"
    forms.submit(http, f"{page}/delete")
    assert http.get(page).status_code == 404


def test_strangers_see_nothing(signed_in: Any, alice: Person, mallory: Person, receiver: Receiver) -> None:
    row = endpoint(alice, receiver.url())
    happen(alice)
    courier.send_due()
    [found], _ = webhook_deliveries.page(row.id)
    http, own = signed_in(mallory), endpoint(mallory, receiver.url())
    for path in ("", "/edit", "/verify", "/roll", "/delete", "/deliveries", f"/deliveries/{found.id}"):
        assert http.get(f"/webhooks/{row.id}{path}").status_code == 404
    assert http.get(f"/webhooks/{own.id}/deliveries/{found.id}").status_code == 404
    for action in ("switch", "test", "roll", "end_old_secret", "delete", "check"):
        token = forms.token(http, f"webhooks.{action}")
        path = action.replace("_", "-").replace("check", "verify")
        assert http.post(f"/webhooks/{row.id}/{path}", data={"csrf_token": token}).status_code == 404
    token = forms.token(http, "webhooks_deliveries.resend")
    for id in (row.id, own.id):
        answer = http.post(f"/webhooks/{id}/deliveries/{found.id}/resend", data={"csrf_token": token})
        assert answer.status_code == 404
    assert row.name not in text(http, "/webhooks?whose=all").replace(own.name, "", 1) or row.id not in text(
        http, "/webhooks?whose=all"
    )


def test_an_administrator_pauses_but_rolls_nothing(
    signed_in: Any, alice: Person, ada: Person, receiver: Receiver
) -> None:
    http, row = signed_in(ada), endpoint(alice, receiver.url())
    assert row.id in text(http, "/webhooks?whose=all")
    assert row.id not in text(http, "/webhooks")
    forms.submit(http, f"/webhooks/{row.id}", f"/webhooks/{row.id}/switch")
    assert webhook_endpoints.status(webhook_endpoints.get(alice.id, row.id)) == "paused"
    assert http.get(f"/webhooks/{row.id}/roll").status_code == 409


def test_hostile_texts_stay_texts(signed_in: Any, alice: Person, receiver: Receiver) -> None:
    http = signed_in(alice)
    evil = '"><script>alert(1)</script>'
    row, _ = webhook_endpoints.create(alice.user, Wish(evil, receiver.url("/?x=%22%3E"), ("*",)))
    receiver.body = evil.encode()
    happen(alice, name=evil)
    courier.send_due()
    [found], _ = webhook_deliveries.page(row.id)
    for path in ("", "/edit", "/verify", "/deliveries", f"/deliveries/{found.id}", "/delete"):
        assert "<script>alert" not in http.get(f"/webhooks/{row.id}{path}").get_data(as_text=True)


def test_the_signature_of_a_sent_body_is_what_the_page_says(alice: Person, receiver: Receiver) -> None:
    endpoint(alice, receiver.url(), secret=SECRET)
    happen(alice)
    courier.send_due()
    assert receiver.got[0].headers["X-Kaie-Signature"] == webhook_signatures.sign(SECRET, receiver.got[0].body)


def test_overlaps_are_offered_in_one_order_everywhere() -> None:
    ours, keys, apps = ([value for value, *_ in each.OVERLAPS] for each in (webhooks, api_keys, apps_credentials))
    assert keys == apps and ours == [value for value in keys if value in ours]
