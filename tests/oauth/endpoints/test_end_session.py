"""GET and POST /oauth/logout (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from authserver import database
from authserver.domain.people import sessions
from authserver.domain.record import audit
from authserver.lib import base64url, clock
from authserver.models import Grant
from tests.conftest import Person
from tests.support import authorizing, forms, protocol
from tests.support.protocol import App

PATH = "/oauth/logout"
BYE = "https://app.example/bye"


@pytest.fixture
def notes(app: Any) -> App:
    return protocol.register(name="Acme Notes", post_logout_redirect_uris=[BYE])


class Browser:
    """Alice's browser, signed in, and the ID token that the app got in it."""

    def __init__(self, http: FlaskClient, alice: Person, notes: App) -> None:
        self.http = http
        self.sid = authorizing.sign_in(http, alice)
        tokens = protocol.tokens_for(alice.id, notes, session_id=self.sid)
        self.hint, self.refresh_token = tokens["id_token"], tokens["refresh_token"]

    def ask(self, **fields: Any) -> TestResponse:
        return self.http.get(PATH + "?" + urlencode(fields))

    @property
    def signed_in(self) -> bool:
        return self.http.get("/settings/profile").status_code == 200


@pytest.fixture
def hers(http: FlaskClient, alice: Person, notes: App) -> Browser:
    return Browser(http, alice, notes)


def asks(answer: TestResponse) -> bool:
    return answer.status_code == 200 and "Sign out of Kaie?" in answer.text and not answer.location


def confirmed(browser: Browser, page: TestResponse) -> TestResponse:
    """Press the button of the page that asks."""
    return forms.post(browser.http, forms.form_on(page.text, PATH + "/confirm"))


# With an ID token of this sign-in (section 2).


def test_a_hint_of_this_sign_in_ends_it_at_once_and_leads_back_with_the_state(hers: Browser, alice: Person) -> None:
    answer = hers.ask(id_token_hint=hers.hint, post_logout_redirect_uri=BYE, state="a b&c")
    assert (answer.status_code, answer.location) == (303, BYE + "?state=a%20b%26c")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not hers.signed_in
    assert audit.page(owner_id=alice.id)[0][0].type == "user.logout"


def test_without_a_state_none_is_made_up(hers: Browser) -> None:
    assert hers.ask(id_token_hint=hers.hint, post_logout_redirect_uri=BYE).location == BYE


def test_without_an_address_it_ends_here(hers: Browser) -> None:
    answer = hers.ask(id_token_hint=hers.hint, state="s")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert "You are signed out." in hers.http.get("/login").text and not hers.signed_in


def test_an_expired_id_token_is_a_good_hint(hers: Browser) -> None:
    """Section 2: the server should accept it after its expiry."""
    with time_machine.travel(clock.now() + 4000):
        assert hers.ask(id_token_hint=hers.hint, post_logout_redirect_uri=BYE).location == BYE


def test_by_post_it_is_the_same_though_no_cookie_comes_along(hers: Browser, app: Any) -> None:
    fields = {"id_token_hint": hers.hint, "post_logout_redirect_uri": BYE, "state": "s"}
    answer = app.test_client().post(PATH, data=fields)
    assert answer.status_code == 303 and answer.location.startswith(PATH + "/continue?request=")
    assert hers.hint not in answer.location
    assert hers.http.get(answer.location).location == BYE + "?state=s"
    assert not hers.signed_in


def test_a_sign_in_that_was_proven_anew_is_the_same_one(hers: Browser, alice: Person) -> None:
    """The session's id changes with each proof (ASVS 7.2.4); the `sid` that the app knows stays good."""
    for _ in range(2):
        page = hers.http.get("/login/confirm?next=/")
        forms.post(hers.http, forms.form_on(page.text, "/login/confirm"), password=alice.password)
    assert hers.sid not in [row.id for row in sessions.list_for(alice.id)]
    assert hers.ask(id_token_hint=hers.hint, post_logout_redirect_uri=BYE).location == BYE
    assert not hers.signed_in


def test_a_hint_of_before_names_the_session_itself(hers: Browser, alice: Person, notes: App) -> None:
    """Apps keep their ID tokens: one that was issued before each app had a `sid` of its own is good still."""
    with database.transaction() as session:
        session.execute(update(Grant).values(sid=None))
    refreshed = protocol.refresh(notes, hers.refresh_token).json["id_token"]
    assert protocol.claims(refreshed)["sid"] == hers.sid
    assert hers.ask(id_token_hint=refreshed, post_logout_redirect_uri=BYE).location == BYE
    assert not hers.signed_in


# Without one, or with somebody else's: the person is asked (sections 2 and 6).


def test_without_a_hint_the_person_is_asked_and_then_goes_back(hers: Browser, notes: App) -> None:
    page = hers.ask(client_id=notes.id, post_logout_redirect_uri=BYE, state="s")
    assert asks(page) and hers.signed_in
    assert "Acme Notes" in page.text and "app.example" in page.text
    assert confirmed(hers, page).location == BYE + "?state=s"
    assert not hers.signed_in


def test_with_nothing_at_all_the_person_is_asked_and_stays_here(hers: Browser) -> None:
    page = hers.ask()
    assert asks(page) and hers.signed_in
    assert confirmed(hers, page).location == "/login"
    assert not hers.signed_in


def test_a_hint_of_another_person_is_no_proof(hers: Browser, notes: App, mallory: Person) -> None:
    foreign = protocol.tokens_for(mallory.id, notes, session_id="seselsewhere")["id_token"]
    page = hers.ask(id_token_hint=foreign, post_logout_redirect_uri=BYE)
    assert asks(page) and hers.signed_in


def test_nor_is_one_of_another_browser_of_the_same_person(hers: Browser, notes: App, alice: Person) -> None:
    there = protocol.tokens_for(alice.id, notes, session_id="seselsewhere")["id_token"]
    assert asks(hers.ask(id_token_hint=there, post_logout_redirect_uri=BYE)) and hers.signed_in


def test_a_form_of_another_site_confirms_nothing(hers: Browser) -> None:
    form = forms.form_on(hers.ask().text, PATH + "/confirm")
    assert hers.http.post(PATH + "/confirm", data=form.values | {"csrf_token": ""}).status_code == 400
    crossed = hers.http.post(PATH + "/confirm", data=form.values, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossed.status_code in {400, 403} and hers.signed_in


def test_what_a_link_of_ours_carries_cannot_be_made_up(hers: Browser) -> None:
    made = base64url.encode(json.dumps({"redirect_uri": "https://evil.example"}).encode()).decode()
    for text in ("", "x", made, "\u2603"):
        answer = hers.http.get(PATH + "/continue?" + urlencode({"request": text}))
        assert answer.status_code == 400 and not answer.location and hers.signed_in


def test_it_is_good_for_ten_minutes(hers: Browser) -> None:
    form = forms.form_on(hers.ask().text, PATH + "/confirm")
    with time_machine.travel(clock.now() + 601):
        assert hers.http.post(PATH + "/confirm", data=form.values).status_code == 400


# Who is signed out already.


def test_who_is_signed_out_already_goes_back_at_once(app: Any, notes: App) -> None:
    """Section 2: the app wants its person back whether or not there was a session to end."""
    http = app.test_client()
    assert http.get(f"{PATH}?client_id={notes.id}&post_logout_redirect_uri={BYE}").location == BYE
    assert http.get(PATH).location == "/login"


def test_to_an_app_that_nobody_answers_for_only_a_link_leads(app: Any, bob: Person) -> None:
    """Without a hint, and as with errors of a sign-in (contract 11.49): no open redirector."""
    plain = protocol.register(owner_id=bob.id, post_logout_redirect_uris=[BYE])
    answer = app.test_client().get(f"{PATH}?client_id={plain.id}&post_logout_redirect_uri={BYE}")
    assert answer.status_code == 200 and not answer.location and f'href="{BYE}"' in answer.text


def test_nor_with_a_hint_that_its_owner_got_there(app: Any, bob: Person) -> None:
    """Whoever made the app signed in to it, and sends strangers a link with what they got."""
    plain = protocol.register(owner_id=bob.id, post_logout_redirect_uris=[BYE])
    his = Browser(app.test_client(), bob, plain)
    answer = app.test_client().get(f"{PATH}?id_token_hint={his.hint}&post_logout_redirect_uri={BYE}")
    assert answer.status_code == 200 and not answer.location and f'href="{BYE}"' in answer.text
    assert his.ask(id_token_hint=his.hint, post_logout_redirect_uri=BYE).location == BYE  # their own sign-in ends


# Hostile requests: none leads anywhere, none ends a session (section 3, security.md 10.6.2 and C2).


def forged(hint: str) -> str:
    head, body, signature = hint.split(".")
    claims = json.loads(base64url.decode(body.encode())) | {"sub": "usrelse"}
    return ".".join([head, base64url.encode(json.dumps(claims).encode()).decode(), signature])


def unsigned(hint: str) -> str:
    head = base64url.encode(b'{"alg":"none","typ":"JWT"}').decode()
    return f"{head}.{hint.split('.')[1]}."


HOSTILE: dict[str, Any] = {
    "an address of nobody": lambda hers, notes: {"post_logout_redirect_uri": BYE},
    "an unregistered one": lambda hers, notes: {"id_token_hint": hers.hint, "post_logout_redirect_uri": BYE + "/"},
    "of another host": lambda hers, notes: {"client_id": notes.id, "post_logout_redirect_uri": "https://evil.example"},
    "with a query": lambda hers, notes: {"client_id": notes.id, "post_logout_redirect_uri": BYE + "?a=b"},
    "in another case": lambda hers, notes: {"client_id": notes.id, "post_logout_redirect_uri": BYE.upper()},
    "of a sign-in": lambda hers, notes: {"client_id": notes.id, "post_logout_redirect_uri": protocol.CALLBACK},
    "relative": lambda hers, notes: {"client_id": notes.id, "post_logout_redirect_uri": "//app.example/bye"},
    "a script": lambda hers, notes: {"client_id": notes.id, "post_logout_redirect_uri": "javascript:alert(1)"},
    "no ID token": lambda hers, notes: {"id_token_hint": "x", "client_id": notes.id, "post_logout_redirect_uri": BYE},
    "a forged one": lambda hers, notes: {"id_token_hint": forged(hers.hint), "post_logout_redirect_uri": BYE},
    "an unsigned one": lambda hers, notes: {"id_token_hint": unsigned(hers.hint), "post_logout_redirect_uri": BYE},
    "a cut one": lambda hers, notes: {"id_token_hint": hers.hint[:-4], "post_logout_redirect_uri": BYE},
    "an access token": lambda hers, notes: {
        "id_token_hint": protocol.client_credentials(notes).json["access_token"], "post_logout_redirect_uri": BYE,
    },
    "of another client": lambda hers, notes: {
        "id_token_hint": hers.hint, "client_id": protocol.register(post_logout_redirect_uris=[BYE]).id,
        "post_logout_redirect_uri": BYE,
    },
    "an unknown client": lambda hers, notes: {"client_id": "nobody", "post_logout_redirect_uri": BYE},
    "a long state": lambda hers, notes: {
        "id_token_hint": hers.hint, "post_logout_redirect_uri": BYE, "state": "s" * 5000,
    },
    "a long hint": lambda hers, notes: {"id_token_hint": "a" * 9000, "post_logout_redirect_uri": BYE},
    "a long client": lambda hers, notes: {"client_id": "a" * 5000},
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_request_leads_nowhere_and_ends_nothing(hers: Browser, notes: App, name: str, method: str) -> None:
    fields = HOSTILE[name](hers, notes)
    answer = hers.ask(**fields) if method == "GET" else hers.http.post(PATH, data=fields)
    if method == "POST":
        assert urlsplit(answer.location).path == PATH + "/continue"
        answer = hers.http.get(answer.location)
    assert answer.status_code == 400 and not answer.location and "Refresh" not in answer.headers
    assert "You won’t go back to the app." in answer.text and 'href="https://evil' not in answer.text
    assert hers.signed_in
    assert confirmed(hers, answer).location == "/login", "the person may sign out all the same"
    assert not hers.signed_in


@pytest.mark.parametrize("query", ["state=a&state=b", "id_token_hint=a&id_token_hint=b", "%zz", "a=%ff"])
def test_so_does_one_that_cannot_be_read(hers: Browser, query: str) -> None:
    answer = hers.http.get(f"{PATH}?{query}")
    assert answer.status_code == 400 and not answer.location and hers.signed_in


def test_a_body_beside_a_query_is_no_request(hers: Browser, notes: App) -> None:
    answer = hers.http.get(hers.http.post(f"{PATH}?client_id={notes.id}", data={"client_id": notes.id}).location)
    assert answer.status_code == 400 and hers.signed_in


def test_a_stopped_app_leads_nowhere(hers: Browser, notes: App) -> None:
    protocol.change(notes, disabled_at=clock.now())
    answer = hers.ask(client_id=notes.id, post_logout_redirect_uri=BYE)
    assert answer.status_code == 400 and not answer.location and hers.signed_in


def test_an_address_that_was_taken_away_meanwhile_is_not_followed(hers: Browser, notes: App) -> None:
    page = hers.ask(client_id=notes.id, post_logout_redirect_uri=BYE)
    protocol.change(notes, post_logout_redirect_uris=[])
    assert confirmed(hers, page).location == "/login"


def test_the_page_that_asks_lets_its_form_lead_anywhere_and_is_framed_by_nobody(hers: Browser, notes: App) -> None:
    """Contract 11.22: an address may redirect on to any scheme."""
    policy = hers.ask(client_id=notes.id, post_logout_redirect_uri=BYE).headers["Content-Security-Policy"]
    assert "form-action" not in policy and "frame-ancestors 'none'" in policy


def test_it_is_announced(app: Any) -> None:
    """Section 2.1."""
    said = protocol.send("/.well-known/openid-configuration", method="GET").json
    assert said["end_session_endpoint"] == "http://localhost:8000" + PATH


def test_the_path_has_nothing_that_a_log_would_keep(hers: Browser, capfd: Any) -> None:
    hers.ask(id_token_hint=hers.hint, post_logout_redirect_uri=BYE, state="s")
    assert not re.search(re.escape(hers.hint.rpartition(".")[2]), capfd.readouterr().err)
