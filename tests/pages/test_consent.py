"""The consent page: what it says, what an answer does, and whom it takes answers from."""

from __future__ import annotations

import dataclasses
import re
import threading
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient

from authserver import database
from authserver.domain.clients import clients
from authserver.domain.grants import connected_apps
from authserver.domain.ground import cache
from authserver.domain.people import standard_claims, users
from authserver.lib import clock
from authserver.models import AuditEvent, AuthorizationCode, AuthorizationRequest, Consent, Grant, Mail
from tests.conftest import PASSWORD
from tests.support import authorizing, forms
from tests.support.authorizing import (
    API,
    CALLBACK,
    answer_consent,
    answer_of,
    authorize,
    change_app,
    consent_form,
    followed,
    sign_in,
)

ISSUER = "http://localhost:8000"
LOOPBACK = "http://127.0.0.1:57470/cb"
SCHEME = "com.example.notes:/cb"


@pytest.fixture
def notes(app: Any, alice: Any, bob: Any) -> str:
    """Bob's app, in a world where Alice uses it."""
    return authorizing.make_app(owner_id=bob.id)


@pytest.fixture
def hers(http: FlaskClient, alice: Any) -> FlaskClient:
    """Alice's browser."""
    sign_in(http, alice)
    return http


def ask(browser: FlaskClient, **changes: Any) -> Any:
    """Follow the app's link until a page, or until the way leads out."""
    return followed(browser, authorize(browser, **changes))


def is_consent(page: Any) -> bool:
    return page.status_code == 200 and page.request.path == "/oauth/authorize/consent"


def rows(model: Any) -> list[Any]:
    with database.reading() as session:
        return list(session.query(model))


def events(type: str) -> list[Any]:
    return [row for row in rows(AuditEvent) if row.type == type]


def text_of(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


# What it says.


def test_it_says_who_asks_as_whom_for_what_and_where_it_leads(notes: str, hers: FlaskClient) -> None:
    change_app(homepage="https://notes.example.com/about")

    text = text_of(ask(hers, scope="openid email workflows:read offline_access"))

    for part in (
        "Acme Notes wants to access your Kaie account",
        "notes.example.com",
        "bob@example.test",
        "90 days ago",
        "Alice Martin",
        "alice@example.test",
        "Switch account",
        "See your workflows and their runs",
        "It cannot change or start them.",
        "For up to 30 days after the last use.",
        "After you allow, you'll go to https://notes.example.com",
    ):
        assert part.replace("'", "&#39;") in text or part in text


@pytest.mark.parametrize(
    ("columns", "scope", "said"),
    [
        ({"grant_types": ["authorization_code"]}, "openid", "Access ends 1 hour after you allow it."),
        (
            {"grant_types": ["authorization_code"], "access_token_ttl": 600},
            "openid",
            "Access ends 10 minutes after you allow it.",
        ),
        ({}, "openid", "Access ends 30 days after the last use, or when you revoke it."),
        ({}, "openid offline_access", "For up to 30 days after the last use. Revoke it any time."),
    ],
)
def test_it_says_how_long_the_access_lasts(
    notes: str, hers: FlaskClient, columns: dict[str, Any], scope: str, said: str
) -> None:
    change_app(**columns)
    assert said in text_of(ask(hers, scope=scope))


@pytest.mark.parametrize(("homepage", "self_registered", "shown"), [
    ("https://bank.example", True, False), ("https://notes.example.com/about", True, True),
    ("https://other.example", False, True),
])  # fmt: skip
def test_a_homepage_is_named_that_the_answer_goes_to(
    notes: str, hers: FlaskClient, bob: Any, homepage: str, self_registered: bool, shown: bool
) -> None:
    """A program that registers itself calls anybody's site its own, and no owner stands beside it."""
    owner = None if self_registered else bob.id
    change_app(owner_id=owner, self_registered=self_registered, installation=False, homepage=homepage)
    host = homepage.split("/")[2]
    page = ask(hers, scope="openid")
    assert page.status_code == 200 and (f"{host}<br>" in page.text) is shown


def test_nothing_is_allowed_by_pressing_enter_and_no_button_has_the_focus(notes: str, hers: FlaskClient) -> None:
    page = ask(hers)

    assert "autofocus" not in page.text
    buttons = re.findall(r"<button[^>]*>", page.text[page.text.index('action="/oauth/authorize/consent"') :])
    # What Enter presses: the first button that is enabled. The page comes again.
    assert 'name="action" value="ask"' in buttons[0]
    assert "disabled" not in buttons[0]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"self_registered": True}, "This app registered itself. The name is what it calls itself."),
        ({"skip_consent": True, "owner_id": None, "installation": True}, "First-party"),
        ({"default_scopes": []}, "This app did not say what it needs. Allow only if you trust it fully."),
    ],
)
def test_it_says_what_kind_of_app_it_is(notes: str, hers: FlaskClient, columns: dict[str, Any], words: str) -> None:
    change_app(**columns)

    assert words in text_of(ask(hers, scope=None, prompt="consent"))


@pytest.mark.parametrize(
    ("uri", "words"), [(LOOPBACK, "this computer (127.0.0.1:57470)"), (SCHEME, "com.example.notes:")]
)
def test_it_warns_where_the_answer_goes_to_an_app_on_this_machine(
    notes: str, hers: FlaskClient, uri: str, words: str
) -> None:
    change_app(public=True, application_type="native", redirect_uris=[uri])

    text = text_of(ask(hers, redirect_uri=uri)).replace(" )", ")").replace("computer  (", "computer (")

    assert words in text.replace("  ", " ")
    assert "Continue only if you just started it." in text


@pytest.mark.parametrize("uri", [CALLBACK, LOOPBACK, SCHEME])
@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_its_forms_may_lead_wherever_the_app_sends_people_on(
    notes: str, hers: FlaskClient, uri: str, mode: str
) -> None:
    """Browsers apply form-action to the whole chain after a POST, which only the app knows (contract 11.22)."""
    change_app(redirect_uris=[uri], application_type="native")

    page = ask(hers, redirect_uri=uri, response_mode=mode)
    pages = [page] + ([answer_consent(hers, page)] if mode == "form_post" else [])

    for each in pages:
        assert "form-action" not in each.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in each.headers["Content-Security-Policy"]
        assert each.headers["Cache-Control"] == "no-store"
        assert each.headers["Referrer-Policy"] == "no-referrer"


def test_scopes_stand_below_the_name_of_their_api(notes: str, hers: FlaskClient) -> None:
    from authserver.domain.access import scopes
    from authserver.domain.access.scopes import ScopeFacts

    authorizing.make_api(API, "Reports API")
    scopes.create(ScopeFacts("reports:read", "Read your reports", resource=API))
    change_app(scopes=["workflows:read", "reports:read"])

    text = text_of(ask(hers, scope="workflows:read reports:read"))

    assert text.index("See your workflows") < text.index("Reports API") < text.index("Read your reports")


XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
    "</title><script>alert(1)</script>",
    "\u202egpj.exe",
]


@pytest.mark.parametrize("text", XSS)
def test_what_an_app_says_of_itself_is_inert_text(notes: str, hers: FlaskClient, text: str) -> None:
    change_app(name=text, description=text)

    pages = [ask(hers), ask(hers, prompt="select_account")]
    answer_consent(hers, pages[0])
    pages += [hers.get("/connected-apps"), hers.get("/connected-apps/notes/revoke")]

    for page in pages:
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "onfocus='" not in page.text
        assert "49" not in re.findall(r"<h[12][^>]*>.*?</h[12]>", page.text, re.S)[0]


def test_the_name_cannot_turn_the_words_around_it(notes: str, hers: FlaskClient) -> None:
    change_app(name="\u202eEvil")

    assert "<bdi>\u202eEvil</bdi> wants to access" in ask(hers).text


# What an answer does.


def test_allow_sends_a_code_with_state_and_issuer(notes: str, hers: FlaskClient) -> None:
    response = answer_consent(hers, ask(hers))

    assert response.location.startswith(CALLBACK + "?")
    answer = answer_of(response)
    assert (answer["state"], answer["iss"], set(answer)) == ("s-1", ISSUER, {"code", "state", "iss"})


def test_allow_is_recorded_with_the_fact(notes: str, hers: FlaskClient, alice: Any) -> None:
    answer_consent(hers, ask(hers))

    (event,) = events("consent.granted")
    assert (event.actor, event.owner_id, event.client_id) == (f"user:{alice.id}", alice.id, "notes")
    assert event.data["scopes"] == ["workflows:read"]


def test_deny_sends_access_denied_and_nothing_else(notes: str, hers: FlaskClient) -> None:
    answer = answer_of(answer_consent(hers, ask(hers), "deny"))

    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "s-1", ISSUER)
    assert set(answer) == {"error", "error_description", "error_uri", "state", "iss"}
    assert rows(Grant) == rows(AuthorizationCode) == rows(Consent) == []
    assert len(events("consent.denied")) == 1


@pytest.mark.parametrize("action", ["allow", "deny"])
def test_the_answer_can_be_a_form(notes: str, hers: FlaskClient, action: str) -> None:
    page = answer_consent(hers, ask(hers, response_mode="form_post", state='"><b>x'), action)

    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text))
    assert page.status_code == 200
    assert f'<form method="post" action="{CALLBACK}"' in page.text
    assert ("code" in fields) is (action == "allow")
    assert (fields.get("error") == "access_denied") is (action == "deny")
    assert fields["iss"] == ISSUER
    assert fields["state"] == "&#34;&gt;&lt;b&gt;x"
    nonce = re.search(r"'nonce-([^']+)'", page.headers["Content-Security-Policy"])
    assert nonce is not None
    assert f'<script nonce="{nonce[1]}">' in page.text


@pytest.mark.parametrize("data", [{"action": ""}, {"action": "ALLOW"}, {}, {"action": ["allow", "deny"]}])
def test_a_post_without_a_clear_answer_makes_no_progress(notes: str, hers: FlaskClient, data: dict[str, Any]) -> None:
    form = consent_form(ask(hers))

    response = followed(hers, hers.post("/oauth/authorize/consent", data=form | data))

    assert is_consent(response)
    assert rows(Grant) == []


@pytest.mark.parametrize("first", ["allow", "deny"])
@pytest.mark.parametrize("second", ["allow", "deny"])
def test_a_second_answer_is_too_late_and_the_first_stays_good(
    notes: str, hers: FlaskClient, first: str, second: str
) -> None:
    page = ask(hers)
    answer_consent(hers, page, first)

    late = answer_consent(hers, page, second)

    assert late.status_code == 409
    assert "Already answered" in late.text
    assert len(rows(AuthorizationCode)) == len(rows(Grant)) == (1 if first == "allow" else 0)
    assert rows(AuthorizationRequest)[0].answer == first


def test_a_hundred_answers_at_once_are_one_success(notes: str, hers: FlaskClient, alice: Any, app: Any) -> None:
    page = ask(hers)
    form = consent_form(page) | {"action": "allow"}
    cookies = {name: hers.get_cookie(name).value for name in ("authserver_session", "authserver_browser")}  # type: ignore[union-attr]
    statuses: list[int] = []

    def answer(count: int) -> None:
        for _ in range(count):
            client = app.test_client()
            for name, value in cookies.items():
                client.set_cookie(name, value)
            statuses.append(client.post("/oauth/authorize/consent", data=form).status_code)

    threads = [threading.Thread(target=answer, args=(10,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [303] + [409] * 99
    assert len(rows(AuthorizationCode)) == len(rows(Grant)) == len(events("consent.granted")) == 1


def test_two_first_answers_for_one_app_at_once_are_one_consent(
    notes: str, hers: FlaskClient, alice: Any, app: Any
) -> None:
    forms = [consent_form(ask(hers)) | {"action": "allow"} for _ in range(8)]
    cookies = {name: hers.get_cookie(name).value for name in ("authserver_session", "authserver_browser")}  # type: ignore[union-attr]
    statuses: list[int] = []

    def answer(form: dict[str, Any]) -> None:
        client = app.test_client()
        for name, value in cookies.items():
            client.set_cookie(name, value)
        statuses.append(client.post("/oauth/authorize/consent", data=form).status_code)

    threads = [threading.Thread(target=answer, args=(form,)) for form in forms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [303] * 8
    assert len(rows(Consent)) == 1


# Whom it takes answers from.


def test_hidden_fields_override_nothing(notes: str, hers: FlaskClient) -> None:
    page = ask(hers)

    response = answer_consent(
        hers,
        page,
        scope=["workflows:read", "workflows:write", "admin"],
        client_id="other",
        redirect_uri="https://evil.example/",
        state="evil",
        resource=API,
        code_challenge="x" * 43,
        response_mode="form_post",
    )

    assert response.location.startswith(CALLBACK + "?")
    assert answer_of(response)["state"] == "s-1"
    assert (rows(Grant)[0].scopes, rows(Grant)[0].resources) == (["workflows:read"], [])


def test_another_browser_cannot_answer(notes: str, hers: FlaskClient, browser: Any, alice: Any, mallory: Any) -> None:
    handle = consent_form(ask(hers))["request"]
    for person in (mallory, alice):
        other = browser()
        sign_in(other, person)
        form = consent_form(ask(other)) | {"request": handle, "action": "allow"}

        assert other.post("/oauth/authorize/consent", data=form).status_code == 400
    assert rows(Grant) == []


def test_nobody_answers_for_the_person_whom_the_page_showed(notes: str, hers: FlaskClient, bob: Any) -> None:
    shown_to_alice = consent_form(ask(hers))
    sign_in(hers, bob)  # in another tab
    page = hers.get("/oauth/authorize/consent?request=" + shown_to_alice["request"])
    mixed = consent_form(page) | {"account": shown_to_alice["account"], "action": "allow"}

    response = followed(hers, hers.post("/oauth/authorize/consent", data=mixed))

    assert is_consent(response)
    assert "bob@example.test" in response.text
    assert rows(Grant) == []


def test_a_form_of_an_earlier_session_is_refused(notes: str, hers: FlaskClient, alice: Any) -> None:
    form = consent_form(ask(hers)) | {"action": "allow"}
    sign_in(hers, alice)

    assert hers.post("/oauth/authorize/consent", data=form).status_code == 400
    assert rows(Grant) == []


def test_an_answer_needs_the_token_of_its_form(notes: str, hers: FlaskClient) -> None:
    form = consent_form(ask(hers)) | {"action": "allow"}

    for wrong in ("", "x", form["csrf_token"][:-1]):
        assert hers.post("/oauth/authorize/consent", data=form | {"csrf_token": wrong}).status_code == 400
    assert rows(Grant) == []


def test_consent_cannot_come_before_sign_in(notes: str, http: FlaskClient) -> None:
    handle = authorize(http).location.partition("request=")[2]

    response = followed(http, http.get("/oauth/authorize/consent?request=" + handle))

    assert response.request.path == "/login"


def test_consent_cannot_skip_the_sign_in_that_the_app_demands(notes: str, hers: FlaskClient) -> None:
    handle = re.search(r"request=([^&]+)", authorize(hers, prompt="login").location)
    assert handle is not None

    response = followed(hers, hers.get("/oauth/authorize/consent?request=" + handle[1]))

    assert response.request.path == "/login"
    assert "reauth=1" in response.request.query_string.decode()


def test_switching_the_account_asks_the_other_person(notes: str, hers: FlaskClient, bob: Any) -> None:
    page = ask(hers)
    sign_in(hers, bob)

    page = hers.get(page.request.path + "?" + page.request.query_string.decode())
    answer_consent(hers, page)

    assert rows(Grant)[0].user_id == bob.id


# What is remembered.


def test_what_was_allowed_is_not_asked_again(notes: str, hers: FlaskClient) -> None:
    answer_consent(hers, ask(hers))

    assert "code" in answer_of(authorize(hers))
    assert "code" in answer_of(authorize(hers, prompt="none"))
    assert is_consent(ask(hers, prompt="consent"))


def test_only_what_is_new_is_marked_and_the_answers_add_up(notes: str, hers: FlaskClient) -> None:
    answer_consent(hers, ask(hers))

    page = ask(hers, scope="workflows:read workflows:write")
    marked = re.findall(r"<b>([^<]+)</b>(?:(?!</li>).)*>New<", page.text, re.S)
    answer_consent(hers, page)

    assert marked == ["Create and change your workflows"]
    assert "code" in answer_of(authorize(hers, scope="workflows:write workflows:read"))


def test_nothing_is_marked_as_new_at_the_first_meeting(notes: str, hers: FlaskClient) -> None:
    assert ">New<" not in ask(hers).text


def test_a_denial_takes_back_nothing_that_was_allowed(notes: str, hers: FlaskClient) -> None:
    answer_consent(hers, ask(hers))
    answer_consent(hers, ask(hers, scope="workflows:read workflows:write"), "deny")

    assert "code" in answer_of(authorize(hers))


def test_another_api_is_asked_for_anew(notes: str, hers: FlaskClient) -> None:
    authorizing.make_api()
    change_app(resources=[API])
    answer_consent(hers, ask(hers, resource=API))

    assert is_consent(ask(hers))
    assert "code" in answer_of(authorize(hers, resource=API))


def test_what_is_allowed_at_one_api_is_not_allowed_at_another(notes: str, hers: FlaskClient) -> None:
    authorizing.make_api()
    change_app(resources=[API])
    answer_consent(hers, ask(hers, resource=API))
    answer_consent(hers, ask(hers, scope="workflows:write"))

    assert is_consent(ask(hers, scope="workflows:write", resource=API))
    assert is_consent(ask(hers, scope="workflows:read"))


def test_a_consent_serves_nobody_else(notes: str, hers: FlaskClient, bob: Any) -> None:
    answer_consent(hers, ask(hers))
    sign_in(hers, bob)

    assert answer_of(authorize(hers, prompt="none"))["error"] == "consent_required"


@pytest.mark.parametrize(
    ("columns", "uri", "asked_again"),
    [
        ({"public": True}, CALLBACK, False),
        ({"public": True, "application_type": "native"}, LOOPBACK, True),
        ({"public": True, "application_type": "native"}, SCHEME, True),
        ({"public": False, "application_type": "native"}, LOOPBACK, True),
        ({"public": False, "application_type": "native"}, SCHEME, True),
        ({"public": False, "application_type": "native"}, CALLBACK, False),
        ({"public": False}, LOOPBACK, False),
        ({"public": False, "application_type": "native", "skip_consent": True}, LOOPBACK, True),
        ({"self_registered": True}, CALLBACK, True),
        ({"public": True, "application_type": "native", "skip_consent": True}, LOOPBACK, True),
        ({"public": True, "application_type": "native", "skip_consent": True}, SCHEME, True),
        ({"self_registered": True, "skip_consent": True}, CALLBACK, True),
    ],
)
def test_apps_that_others_could_pose_as_are_always_asked(
    notes: str, hers: FlaskClient, columns: dict[str, Any], uri: str, asked_again: bool
) -> None:
    change_app(redirect_uris=[uri], **columns)
    asked = {"redirect_uri": uri, "scope": "openid"}  # which every kind of app may have
    answer_consent(hers, ask(hers, **asked))

    silent = answer_of(authorize(hers, **asked, prompt="none"))

    assert (silent.get("error") == "consent_required") is asked_again
    assert is_consent(ask(hers, **asked)) is asked_again


def test_a_first_party_app_is_not_asked_unless_it_wants_to_be(notes: str, hers: FlaskClient) -> None:
    change_app(skip_consent=True, owner_id=None, installation=True)

    assert "code" in answer_of(authorize(hers))
    assert is_consent(ask(hers, prompt="consent"))


def test_a_scope_that_the_app_lost_is_not_granted_by_an_old_consent(notes: str, hers: FlaskClient) -> None:
    answer_consent(hers, ask(hers, scope="workflows:read workflows:write"))
    change_app(scopes=["workflows:read"])

    answer_of(authorize(hers, scope="workflows:read workflows:write"))

    assert [grant.scopes for grant in rows(Grant)] == [["workflows:read", "workflows:write"], ["workflows:read"]]


def test_a_scope_lost_while_the_page_was_open_is_not_granted(notes: str, hers: FlaskClient) -> None:
    page = ask(hers, scope="workflows:read workflows:write")
    change_app(scopes=["workflows:read"])

    answer_consent(hers, page)

    assert rows(Grant)[0].scopes == ["workflows:read"]


def test_only_administrators_can_allow_what_only_they_hold(notes: str, hers: FlaskClient, ada: Any) -> None:
    change_app(owner_id=None, installation=True, scopes=["workflows:read", "admin"])

    answer_consent(hers, ask(hers, scope="workflows:read admin"))
    assert answer_of(authorize(hers, scope="admin"))["error"] == "invalid_scope"
    sign_in(hers, ada)
    answer_consent(hers, ask(hers, scope="workflows:read admin"))

    assert sorted((grant.scopes for grant in rows(Grant)), key=len) == [["workflows:read"], ["workflows:read", "admin"]]


# Ticks.


def test_an_optional_scope_can_be_unticked(notes: str, hers: FlaskClient) -> None:
    change_app(optional_scopes=["workflows:write"])
    page = ask(hers, scope="workflows:read workflows:write")

    assert consent_form(page)["scope"] == ["workflows:write"]
    answer_consent(hers, page, scope=[])

    assert rows(Grant)[0].scopes == ["workflows:read"]
    assert (
        answer_of(authorize(hers, scope="workflows:read workflows:write", prompt="none"))["error"] == "consent_required"
    )


def test_a_required_scope_cannot_be_unticked(notes: str, hers: FlaskClient) -> None:
    change_app(optional_scopes=["workflows:write"])

    answer_consent(hers, ask(hers, scope="workflows:read workflows:write"), scope=["workflows:write"])

    assert rows(Grant)[0].scopes == ["workflows:read", "workflows:write"]


def test_what_the_app_requires_is_a_fixed_row_even_if_the_scope_is_optional_elsewhere(
    notes: str, hers: FlaskClient
) -> None:
    change_app(required_scopes=["email"])
    page = ask(hers, scope="openid profile email")
    assert consent_form(page)["scope"] == ["profile"]

    answer_consent(hers, page, scope=[])

    assert rows(Grant)[0].scopes == ["openid", "email"]


def test_unticking_everything_is_asked_about(notes: str, hers: FlaskClient) -> None:
    change_app(optional_scopes=["workflows:read"])

    page = answer_consent(hers, ask(hers), scope=[])

    assert page.status_code == 422
    assert "Tick at least one thing" in page.text
    assert rows(Grant) == []


def test_unticking_takes_back_what_was_allowed_before(notes: str, hers: FlaskClient, alice: Any) -> None:
    change_app(optional_scopes=["workflows:write"])
    answer_consent(hers, ask(hers, scope="workflows:read workflows:write"))
    answer_consent(hers, ask(hers, scope="workflows:read workflows:write", prompt="consent"), scope=[])

    (app,) = connected_apps.list_for(alice.id)
    assert rows(Consent)[0].scopes == ["workflows:read"]
    assert app.client.id == "notes"


def test_identity_scopes_show_what_will_be_shared(notes: str, hers: FlaskClient) -> None:
    page = ask(hers, scope="openid profile email")

    assert consent_form(page)["scope"] == ["profile", "email"]
    assert text_of(page).count("alice@example.test") == 2
    assert clock.now() > 0


class TestWithMail:
    @pytest.fixture
    def overrides(self) -> dict[str, Any]:
        return {"demo": True}  # whose mails stay where they are written

    def test_what_reaches_far_is_told_by_mail_the_first_time(self, notes: str, hers: FlaskClient, alice: Any) -> None:
        change_app(owner_id=None, scopes=["workflows:read", "workflows:delete"])

        answer_consent(hers, ask(hers))
        answer_consent(hers, ask(hers, scope="workflows:read workflows:delete"))
        answer_consent(hers, ask(hers, scope="workflows:read workflows:delete", prompt="consent"))

        (mail,) = [mail for mail in rows(Mail) if "You allowed" in mail.subject]
        assert (mail.recipient, mail.subject) == (alice.email, "You allowed Acme Notes to use your Kaie account")
        assert "- Delete your workflows" in mail.body
        assert "See your workflows" not in mail.body


# A fresh proof, where an app asks for what a key gets after one alone.


@pytest.mark.parametrize("far", ["keys:manage", "settings:manage", "workflows:delete"])
def test_a_browser_that_was_left_alone_allows_nothing_that_reaches_far(
    notes: str, http: FlaskClient, alice: Any, far: str
) -> None:
    change_app(notes, scopes=["openid", "workflows:read", far])
    sign_in(http, alice, auth_time=clock.now() - 301)
    near = ask(http, scope="openid workflows:read")
    assert is_consent(near)
    page = ask(http, scope=f"openid {far}")
    assert page.request.path == "/login" and "Confirm it&#39;s you" in page.text
    assert not rows(AuthorizationCode)
    proven = forms.post(http, forms.form_on(page.text, "/login"), password=PASSWORD)
    page = followed(http, proven)
    assert is_consent(page)
    assert "code" in answer_of(answer_consent(http, page))


def test_nor_is_it_allowed_on_a_page_that_stayed_open(notes: str, http: FlaskClient, alice: Any) -> None:
    change_app(notes, scopes=["openid", "keys:manage"])
    with time_machine.travel(clock.now(), tick=False) as moment:
        sign_in(http, alice)
        page = ask(http, scope="openid keys:manage")
        assert is_consent(page)
        moment.shift(301)
        late = answer_consent(http, page)
        assert late.status_code == 303 and late.location.startswith("/login?") and "reauth=1" in late.location
    assert not rows(AuthorizationCode) and not rows(Consent)


def test_an_app_that_has_it_already_goes_on_without_a_proof(notes: str, http: FlaskClient, alice: Any) -> None:
    change_app(notes, scopes=["openid", "keys:manage"])
    with time_machine.travel(clock.now(), tick=False) as moment:
        sign_in(http, alice)
        answer_consent(http, ask(http, scope="openid keys:manage"))
        moment.shift(301)
        assert "code" in answer_of(ask(http, scope="openid keys:manage"))


def test_what_a_role_that_came_meanwhile_would_allow_is_read_first(
    notes: str, hers: FlaskClient, alice: Any, ada: Any
) -> None:
    """The page showed a plain person's scopes; they are an administrator when they press the button."""
    change_app(owner_id=None, installation=True, scopes=["workflows:read", "admin"])
    page = ask(hers, scope="workflows:read admin")
    users.set_role(alice.id, "admin")
    again = answer_consent(hers, page)
    assert again.status_code == 422 and "has changed" in again.text and not rows(Grant)
    answer_consent(hers, ask(hers, scope="workflows:read admin"))
    assert [grant.scopes for grant in rows(Grant)] == [["workflows:read", "admin"]]


# An app that changes while somebody reads.


def test_what_was_unticked_is_not_allowed_by_an_app_that_makes_it_required_meanwhile(
    notes: str, hers: FlaskClient, bob: Any
) -> None:
    change_app(notes, optional_scopes=["workflows:write"])
    page = ask(hers, scope="openid workflows:read workflows:write")
    row = clients.stored(notes)
    assert row is not None
    before = clients.registration_of(row)
    wanted = dataclasses.replace(before, optional_scopes=(), required_scopes=("workflows:write",))
    clients.revise(bob.user, notes, wanted)
    cache.reset()
    again = answer_consent(hers, page, scope=[])
    assert again.status_code == 422 and "changed while you were reading" in again.text
    assert not rows(AuthorizationCode) and not rows(Consent)
    assert "code" in answer_of(answer_consent(hers, ask(hers, scope="openid workflows:write")))


def test_the_page_shows_the_very_data_that_each_scope_shares(hers: FlaskClient, notes: str, alice: Any) -> None:
    """ux.md 2.3; what was not filled in is not told, and what no scope asks for does not stand there."""
    change_app(scopes=["openid", "profile", "email", "phone", "address"])
    page = ask(hers, scope="openid profile phone address").text
    assert "See your phone number" in page and "See your postal address" in page
    told = {"nickname": "Al", "phone_number": "+33123456789", "address": {"locality": "Paris", "country": "France"}}
    standard_claims.change(alice.id, told)
    page = ask(hers, scope="openid profile phone address").text
    assert all(text in page for text in ("Nickname Al", "+33123456789", "Paris, France"))
    page = ask(hers, scope="openid phone").text
    assert "+33123456789" in page and "Nickname" not in page and "Paris" not in page
