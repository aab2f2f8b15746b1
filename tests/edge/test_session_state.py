"""What apps may watch of a sign-in (OpenID Connect Session Management 1.0; contract 11.53)."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.support.browsing import Browser
from tests.support.standing import HTTPS, Standing, standing
from tests.support.third_party import App

COOKIE = "__Host-authserver_state"


@pytest.fixture(scope="module")
def server() -> Any:
    with standing("sqlite", issuer=HTTPS) as found:
        yield found


@pytest.fixture
def app(server: Standing) -> App:
    return server.register("Notes", owner=server.person("ada@example.test", "admin"))


def answered(app: App, browser: Browser, **changes: Any) -> dict[str, str]:
    return dict(app.sent_back(browser, app.ask(**changes)).parameters)


def test_an_answer_carries_the_state_of_client_origin_and_browser(server: Standing, app: App) -> None:
    """Section 3.2: what the frame works out in the browser, too."""
    browser = server.browser("ada@example.test")
    digest, salt = answered(app, browser)["session_state"].split(".")
    text = f"{app.client_id} https://app.example.test {browser.wire.cookies()[COOKIE]} {salt}"
    assert hashlib.sha256(text.encode()).hexdigest() == digest


def test_two_answers_have_two_salts(server: Standing, app: App) -> None:
    browser = server.browser("ada@example.test")
    assert answered(app, browser)["session_state"] != answered(app, browser)["session_state"]


def test_an_error_carries_none(server: Standing, app: App) -> None:
    assert "session_state" not in answered(app, server.browser("ada@example.test"), scope="admin:nothing")


def test_signing_in_anew_changes_the_cookie_and_signing_out_takes_it(server: Standing, app: App) -> None:
    browser = server.browser("ada@example.test")
    before = browser.wire.cookies()[COOKIE]
    other = server.browser("ada@example.test").wire.cookies()[COOKIE]
    assert before != other
    browser.submit(browser.open("/logout").form("/logout"))
    assert not browser.wire.cookies().get(COOKIE)


def test_it_is_no_secret_of_the_session(server: Standing) -> None:
    cookies = server.browser("ada@example.test").wire.cookies()
    assert cookies[COOKIE] not in cookies["__Host-authserver_session"]


def test_the_frame_may_be_framed_by_anybody_and_holds_nothing(server: Standing) -> None:
    """The one exception to `frame-ancestors 'none'` (security.md 3.4.6)."""
    page = server.browser("ada@example.test").get("/oauth/session")
    policy = page.header("Content-Security-Policy")
    assert page.status == 200 and "frame-ancestors *;" in policy and "default-src 'none'" in policy
    assert not page.header("X-Frame-Options") and page.header("Cross-Origin-Resource-Policy") == "cross-origin"
    assert "ada@example.test" not in page.text and "<form" not in page.text
    assert "frame-ancestors 'none'" in server.browser().get("/login").header("Content-Security-Policy")


def test_it_is_announced(server: Standing) -> None:
    said = server.browser().get("/.well-known/openid-configuration").json
    assert said["check_session_iframe"] == HTTPS + "/oauth/session"


@pytest.mark.parametrize("settings", [{"issuer": HTTPS, "logout_channels": "off"}, {}])
def test_switched_off_or_over_http_it_is_not_there(settings: dict[str, str]) -> None:
    with standing("sqlite", **settings) as server:
        browser = server.browser()
        assert browser.get("/oauth/session").status == 404
        assert "check_session_iframe" not in browser.get("/.well-known/openid-configuration").json
