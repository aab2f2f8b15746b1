"""Apps are told that a sign-in ended, whoever ended it (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from authserver import database
from authserver.domain.clients import clients
from authserver.domain.grants import consents, grants, session_ids
from authserver.domain.people import departures, sessions, users
from authserver.domain.running import retention
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import backchannel_logout, id_tokens
from authserver.lib import clock, jwt
from authserver.models import Grant, LogoutNotice
from tests.conftest import PASSWORD, Person
from tests.support import authorizing, forms, protocol
from tests.support.protocol import App, send
from tests.support.receivers import Receiver, listening
from tests.support.webhooks import Time

PATH = "/backchannel-logout"


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.0/8",)}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


@pytest.fixture
def notes(app: Flask, receiver: Receiver) -> App:
    return protocol.register(name="Acme Notes", backchannel_logout_uri=receiver.url(PATH))


@pytest.fixture
def sid(http: FlaskClient, alice: Person, notes: App) -> str:
    """Alice's session, through which she signed in to the app."""
    id = authorizing.sign_in(http, alice)
    protocol.tokens_for(alice.id, notes, session_id=id)
    return id


def told(receiver: Receiver) -> list[dict[str, Any]]:
    """Send what is due; the claims that the app got, its signature checked with our published keys."""
    backchannel_logout.send_due()
    tokens = [parse_qs(each.body.decode())["logout_token"][0] for each in receiver.got]
    algs = frozenset({"RS256", "ES256"})
    return [jwt.verify(each, signing_keys.verifying(), algs=algs, typ="logout+jwt") for each in tokens]


def notices() -> list[LogoutNotice]:
    with database.reading() as session:
        return list(session.scalars(select(LogoutNotice).order_by(LogoutNotice.id)))


# The logout token (section 2.4) and how it comes (section 2.5).


def test_the_token_has_what_section_2_4_asks_for_and_nothing_else(
    receiver: Receiver, notes: App, sid: str, alice: Person
) -> None:
    sessions.end(alice.id, sid)
    (claims,) = told(receiver)
    assert set(claims) == {"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"}, "a nonce is forbidden"
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("http://localhost:8000", alice.id, notes.id)
    assert claims["sid"] == session_ids.of(sid, notes.id) and claims["events"] == {
        "http://schemas.openid.net/event/backchannel-logout": {}
    }
    assert claims["exp"] - claims["iat"] <= 120 and abs(claims["iat"] - clock.now()) < 5


def test_it_comes_by_post_in_a_form(receiver: Receiver, sid: str, alice: Person) -> None:
    sessions.end(alice.id, sid)
    told(receiver)
    (got,) = receiver.got
    assert (got.method, got.path) == ("POST", PATH)
    assert got.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert list(parse_qs(got.body.decode())) == ["logout_token"] and "Cookie" not in got.headers


def test_it_is_signed_as_the_app_has_its_id_tokens(receiver: Receiver, notes: App, sid: str, alice: Person) -> None:
    protocol.change(notes, id_token_alg="ES256")
    sessions.end(alice.id, sid)
    told(receiver)
    token = parse_qs(receiver.got[0].body.decode())["logout_token"][0]
    assert jwt.peek_header(token)["alg"] == "ES256"


def test_it_is_good_for_nothing_else(notes: App, receiver: Receiver, sid: str, alice: Person) -> None:
    """Security.md 9.2.2: not as an access token, a client's own JWT or a hint."""
    sessions.end(alice.id, sid)
    told(receiver)
    token = parse_qs(receiver.got[0].body.decode())["logout_token"][0]
    assert send("/oauth/userinfo", None, protocol.bearer(token), method="GET").status == 401
    assert protocol.introspect(notes, token).json == {"active": False}
    with pytest.raises(jwt.InvalidToken):
        id_tokens.read(token)


# One act ends the session everywhere.


def by_signing_out(http: FlaskClient, alice: Person, sid: str) -> None:
    forms.submit(http, "/logout")


def by_the_page_of_sessions(http: FlaskClient, alice: Person, sid: str) -> None:
    sessions.end(alice.id, sid)


def everywhere_else(http: FlaskClient, alice: Person, sid: str) -> None:
    sessions.end_all(alice.id)


def by_an_app(http: FlaskClient, alice: Person, sid: str) -> None:
    page = http.get("/oauth/logout")
    forms.post(http, forms.form_on(page.text, "/oauth/logout/confirm"))


def by_being_disabled(http: FlaskClient, alice: Person, sid: str) -> None:
    users.disable(alice.id)


def by_being_deleted(http: FlaskClient, alice: Person, sid: str) -> None:
    departures.delete(alice.id)


def by_taking_the_access_back(http: FlaskClient, alice: Person, sid: str) -> None:
    consents.revoke_all(alice.id)


def by_somebody_else_in_the_same_browser(http: FlaskClient, alice: Person, sid: str) -> None:
    users.create("carol@example.test", name="Carol", password=PASSWORD)
    forms.submit(http, "/login?switch=1", "/login", email="carol@example.test", password=PASSWORD)


@pytest.mark.parametrize(
    "end",
    [by_signing_out, by_the_page_of_sessions, everywhere_else, by_an_app, by_being_disabled, by_being_deleted,
     by_taking_the_access_back, by_somebody_else_in_the_same_browser],
)  # fmt: skip
def test_whatever_ends_the_sign_in_tells_the_app_once(
    http: FlaskClient, receiver: Receiver, notes: App, alice: Person, sid: str,
    end: Callable[[FlaskClient, Person, str], None],
) -> None:  # fmt: skip
    end(http, alice, sid)
    assert [(each["sub"], each["sid"]) for each in told(receiver)] == [(alice.id, session_ids.of(sid, notes.id))]
    assert backchannel_logout.send_due() == 0


def test_a_fresh_proof_ends_nothing_and_the_end_is_told_with_the_sid_that_the_app_knows(
    http: FlaskClient, receiver: Receiver, notes: App, alice: Person, sid: str
) -> None:
    page = http.get("/login/confirm?next=/")
    forms.post(http, forms.form_on(page.text, "/login/confirm"), password=alice.password)
    assert told(receiver) == []
    forms.submit(http, "/logout")
    assert [each["sid"] for each in told(receiver)] == [session_ids.of(sid, notes.id)]


def test_no_two_apps_know_a_sign_in_by_the_same_sid(receiver: Receiver, notes: App, alice: Person, sid: str) -> None:
    """Core 8.1: it would tell apps with pairwise subjects that two people of theirs are one."""
    shop = protocol.register(name="Shop", backchannel_logout_uri=receiver.url(PATH), subject_type="pairwise")
    known = {}
    for each in (notes, shop):
        tokens = [protocol.tokens_for(alice.id, each, session_id=sid) for _ in range(2)]
        (known[each.id],) = {
            protocol.claims(one[name])["sid"] for one in tokens for name in ("id_token", "access_token")
        }
        assert protocol.introspect(each, tokens[0]["access_token"]).json["sid"] == known[each.id]
    assert len({*known.values(), sid}) == 3
    sessions.end(alice.id, sid)
    assert {each["aud"]: each["sid"] for each in told(receiver)} == known


def test_a_sign_in_of_before_is_told_by_the_sid_that_its_app_knows(
    receiver: Receiver, notes: App, alice: Person, sid: str
) -> None:
    with database.transaction() as session:
        session.execute(update(Grant).values(sid=None))
    sessions.end(alice.id, sid)
    assert [each["sid"] for each in told(receiver)] == [sid]


def test_another_session_and_another_person_are_not_told_of(
    browser: Callable[[], FlaskClient], receiver: Receiver, notes: App, alice: Person, bob: Person, sid: str
) -> None:
    other = authorizing.sign_in(browser(), alice)
    protocol.tokens_for(alice.id, notes, session_id=other)
    protocol.tokens_for(bob.id, notes, session_id=authorizing.sign_in(browser(), bob))
    sessions.end(alice.id, other)
    assert [each["sid"] for each in told(receiver)] == [session_ids.of(other, notes.id)]


def test_what_an_app_does_wrong_signs_nobody_out(receiver: Receiver, notes: App, alice: Person, sid: str) -> None:
    refreshed = protocol.tokens_for(alice.id, notes, session_id=sid)["refresh_token"]
    protocol.refresh(notes, refreshed)
    with database.transaction() as session:
        grants.end(session, "refresh token reused")
    assert told(receiver) == []


def test_an_app_without_an_address_is_told_nothing(alice: Person, notes: App, sid: str) -> None:
    protocol.change(notes, backchannel_logout_uri="")
    sessions.end(alice.id, sid)
    assert notices() == []


@pytest.mark.parametrize("overrides", [{"logout_channels": "off"}])
def test_switched_off_nobody_is_told_and_nothing_is_announced(alice: Person, notes: App, sid: str) -> None:
    sessions.end(alice.id, sid)
    assert notices() == []
    assert not [each for each in send("/.well-known/openid-configuration", method="GET").json if "backchannel" in each]


def test_it_is_announced(app: Flask) -> None:
    """Section 2.1."""
    said = send("/.well-known/openid-configuration", method="GET").json
    assert said["backchannel_logout_supported"] is said["backchannel_logout_session_supported"] is True


# What comes back (section 2.8), and what does not.


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, "delivered"), (204, "delivered"), (400, "failed"), (404, "failed"), (501, "pending"), (503, "pending"),
     (429, "pending"), (302, "pending")],
)  # fmt: skip
def test_an_answer_is_kept(receiver: Receiver, alice: Person, sid: str, status: int, state: str) -> None:
    receiver.status, receiver.body = status, b""
    sessions.end(alice.id, sid)
    told(receiver)
    (row,) = notices()
    assert (row.state, row.status) == (state, status) and (row.next_at is None) == (state != "pending")


def test_an_app_that_is_down_is_told_later_by_a_new_token(
    receiver: Receiver, alice: Person, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time(monkeypatch)
    receiver.status = 503
    sessions.end(alice.id, sid)
    told(receiver)
    assert backchannel_logout.send_due() == 0, "not at once"
    receiver.status = 200
    time.now += 5
    first, second = told(receiver)
    assert first["jti"] != second["jti"] and second["iat"] == first["iat"] + 5
    assert [row.state for row in notices()] == ["delivered"]


def test_an_app_that_asks_to_be_left_alone_is_for_as_long(
    receiver: Receiver, alice: Person, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9110 section 10.2.3."""
    time = Time(monkeypatch)
    receiver.status, receiver.headers = 503, {"Retry-After": "100"}
    sessions.end(alice.id, sid)
    told(receiver)
    receiver.status, receiver.headers = 200, {}
    time.now += 99
    assert backchannel_logout.send_due() == 0
    time.now += 1
    assert backchannel_logout.send_due() == 1


def test_whose_apps_are_slow_keeps_nobody_elses_from_being_told(
    receiver: Receiver, alice: Person, mallory: Person, http: FlaskClient
) -> None:
    """A hundred of them, each of which answers as late as it may, would hold every thread for minutes."""
    with listening() as slow, listening() as quick:
        gate = threading.Event()
        slow.act = lambda _: gate.wait(8) and None
        session_id = authorizing.sign_in(http, alice)
        for _ in range(12):
            tar = protocol.register(owner_id=mallory.id, backchannel_logout_uri=slow.url(PATH))
            protocol.tokens_for(alice.id, tar, session_id=session_id)
        sessions.end(alice.id, session_id)
        other = authorizing.sign_in(http, alice)
        shop = protocol.register(owner_id=alice.id, backchannel_logout_uri=quick.url(PATH))
        protocol.tokens_for(alice.id, shop, session_id=other)
        sessions.end(alice.id, other)
        until = threading.Event()
        courier = threading.Thread(target=backchannel_logout.run, args=(until,), daemon=True)
        courier.start()
        give_up = time.monotonic() + 5
        while not quick.got and time.monotonic() < give_up:
            time.sleep(0.02)
        held = len(slow.got)
        until.set()
        gate.set()
        courier.join(20)
        assert len(quick.got) == 1 and held <= backchannel_logout.SHARE


def test_it_ends_after_half_a_day(receiver: Receiver, alice: Person, sid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch)
    receiver.status = 500
    sessions.end(alice.id, sid)
    for seconds in (0, *backchannel_logout.BACKOFF):
        time.now += seconds
        assert backchannel_logout.send_due() == 1
    time.now += 86_400
    assert backchannel_logout.send_due() == 0
    assert [(row.state, row.attempts) for row in notices()] == [("failed", 1 + len(backchannel_logout.BACKOFF))]


def test_who_dies_while_sending_leaves_it_to_another(
    receiver: Receiver, alice: Person, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time(monkeypatch)
    sessions.end(alice.id, sid)
    assert len(backchannel_logout._claim(10)) == 1, "and then it was killed"
    assert backchannel_logout.send_due() == 0
    time.now += backchannel_logout.LEASE_SECONDS
    assert len(told(receiver)) == 1


def test_an_app_that_was_stopped_is_told_no_more(receiver: Receiver, notes: App, alice: Person, sid: str) -> None:
    sessions.end(alice.id, sid)
    protocol.change(notes, disabled_at=clock.now())
    assert told(receiver) == [] and [row.state for row in notices()] == ["failed"]


@pytest.mark.parametrize("overrides", [{}])
def test_an_inner_address_is_never_asked(receiver: Receiver, alice: Person, sid: str) -> None:
    """Class C14 of the outbound guard: an app's owner chooses the address."""
    sessions.end(alice.id, sid)
    backchannel_logout.send_due()
    assert receiver.got == []
    (row,) = notices()
    assert row.state == "failed" and "127.0.0.1" in row.error


# Registering it (section 2.2).


@pytest.mark.parametrize(
    "uri", ["http://app.example/out", "/out", "ftp://app.example", "javascript:alert(1)", "https://a.example/#x",
            "https://user@a.example/", "https://", "x" * 3000],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused(app: Flask, uri: str) -> None:
    from authserver.domain.clients import metadata
    from authserver.errors import Invalid

    wanted = metadata.from_document(
        {"client_name": "A", "redirect_uris": ["https://a.example/cb"], "backchannel_logout_uri": uri}
    )
    with pytest.raises(Invalid) as refused:
        clients.register(None, wanted)
    assert "backchannel_logout_uri" in refused.value.problems


# The page of sessions.


def test_the_page_of_sessions_shows_who_was_told_and_what_they_answered(
    http: FlaskClient, receiver: Receiver, alice: Person, sid: str
) -> None:
    receiver.status = 503
    sessions.end(alice.id, sid)
    authorizing.sign_in(http, alice)
    assert "Being told" in http.get("/settings/sessions").text
    told(receiver)
    page = http.get("/settings/sessions").text
    assert "Acme Notes" in page and "Not yet" in page and "HTTP 503" in page


def test_it_is_forgotten_after_a_month(
    receiver: Receiver, alice: Person, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time(monkeypatch)
    sessions.end(alice.id, sid)
    time.now += 29 * 86_400
    assert retention.purge()["logout_notices"] == 0
    time.now += 2 * 86_400
    assert retention.purge()["logout_notices"] == 1
