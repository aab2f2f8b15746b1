"""The way back to an app in a real browser: chains of redirects after Allow, and sign-in in a popup."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.browser.demo import ALICE, PASSWORD, Demo
from tests.browser.site import Site, open_site

pytestmark = [pytest.mark.browser, pytest.mark.served]
OPENS = "<button onclick=\"window.open('/go', 'signin', 'width=500,height=700')\">Sign in</button>"
TELLS = "<script>window.opener && window.opener.postMessage('signed in', '*')</script><h1>Done</h1>"
HEARS = """<h1>Waiting</h1>
<script>addEventListener('message', e => document.querySelector('h1').textContent = e.data)</script>"""


@pytest.fixture(scope="module")
def site(demo: Demo) -> Iterator[Site]:
    with open_site() as made:
        made.app = demo.app(ALICE, "Popup Notes", scopes=["openid"], **{"redirect_uris-0": made.home + "/callback"})
        made.app.scope = "openid"
        yield made


def sign_in(page: Page, email: str) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_an_address_that_sends_on_to_an_app_is_reached(page: Page, demo: Demo, site: Site) -> None:
    """Browsers apply form-action to the whole chain after Allow; the rest of it is the app's own business."""
    said: list[str] = []
    answer = site.answer

    def chain(path: str) -> tuple[int, str]:
        if path.startswith("/callback"):
            said.append("called back")
            return 303, "/further"
        return (303, "claude://callback") if path == "/further" else answer(path)

    site.answer = chain  # type: ignore[method-assign]
    page.on("console", lambda message: said.append(_text(message)))
    try:
        page.goto(site.home + "/go")
        sign_in(page, demo.person("Carl Chain"))
        page.get_by_role("button", name="Allow").click()
        page.wait_for_timeout(1500)
    finally:
        site.answer = answer  # type: ignore[method-assign]
    assert "called back" in said
    assert not [each for each in said if "form-action" in each], said


def test_a_popup_tells_the_page_that_opened_it(page: Page, demo: Demo, site: Site) -> None:
    answer = site.answer

    def pages(path: str) -> tuple[int, str]:
        if path.startswith("/callback"):
            return 200, TELLS
        return (200, OPENS + HEARS) if path == "/" else answer(path)

    site.answer = pages  # type: ignore[method-assign]
    try:
        page.goto(site.home)
        with page.expect_popup() as opened:
            page.get_by_role("button", name="Sign in").click()
        sign_in(opened.value, demo.person("Paula Popup"))
        opened.value.get_by_role("button", name="Allow").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("signed in")
    finally:
        site.answer = answer  # type: ignore[method-assign]


def _text(message: ConsoleMessage) -> str:
    return message.text
