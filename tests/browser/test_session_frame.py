"""The frame that apps ask, in a real browser (OpenID Connect Session Management 1.0, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser as Program
from playwright.sync_api import Page, Route

from tests.support import chromium as windows
from tests.support.browsing import Browser
from tests.support.standing import HTTPS, Standing, standing

pytestmark = pytest.mark.browser
COOKIE = "__Host-authserver_state"
SITE = "https://app.example.test"
# An app's page: it asks its frame, and keeps the answer.
ASKS = """
<!doctype html><title>App</title><iframe src="{frame}"></iframe>
<script>
addEventListener("message", (event) => {{ document.title = event.origin + " says " + event.data; }});
const frame = document.querySelector("iframe");
function ask(text) {{ document.title = "asking"; frame.contentWindow.postMessage(text, "{issuer}"); }}
</script>
""".format(frame=HTTPS + "/oauth/session", issuer=HTTPS)


@pytest.fixture(scope="module")
def server() -> Iterator[Standing]:
    with standing("sqlite", issuer=HTTPS) as found:
        yield found


@pytest.fixture
def page(program: Program) -> Iterator[Page]:
    with windows.looking_at(HTTPS, program) as chromium, chromium.window() as opened:
        yield opened


def served_by(browser: Browser) -> Any:
    def serve(route: Route) -> None:
        answer = browser.get(route.request.url)
        route.fulfill(status=answer.status, headers=dict(answer.headers), body=answer.body)

    return serve


def told(page: Page, question: str) -> str:
    page.evaluate("question => ask(question)", question)
    page.wait_for_function("document.title !== 'asking'")
    return page.title()


def test_the_frame_tells_whether_the_sign_in_is_the_one_of_the_answer(server: Standing, page: Page) -> None:
    app = server.register(
        "Notes", redirect_uris=(SITE + "/callback",), owner=server.person("ada@example.test", "admin")
    )
    browser = server.browser("ada@example.test")
    state = app.sent_back(browser, app.ask()).parameters["session_state"]
    page.route(HTTPS + "/**", served_by(server.browser()))
    page.route(SITE + "/**", lambda route: route.fulfill(content_type="text/html", body=ASKS))
    own = {"name": COOKIE, "value": browser.wire.cookies()[COOKIE], "url": HTTPS, "secure": True, "sameSite": "None"}
    page.context.add_cookies([own])  # type: ignore[list-item]  # a plain dict is one
    page.goto(SITE + "/")
    page.frames[1].wait_for_load_state()
    assert told(page, f"{app.client_id} {state}") == f"{HTTPS} says unchanged"
    assert told(page, f"another {state}") == f"{HTTPS} says changed"
    good = f"{app.client_id} {state}"
    for question in ("", app.client_id, f"{app.client_id} x", f"{good} more", f"{good}.x"):
        assert told(page, question) == f"{HTTPS} says error"
    page.context.add_cookies([own | {"value": "another"}])  # type: ignore[list-item]
    assert told(page, f"{app.client_id} {state}") == f"{HTTPS} says changed"
    page.context.clear_cookies()  # as signing out does
    assert told(page, f"{app.client_id} {state}") == f"{HTTPS} says changed"
