"""The checks of screens see what they are there for."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support import chromium as windows
from tests.support.chromium import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.served]
STYLE = "html{color-scheme:light dark;background:light-dark(#fff,#111)}p{color:light-dark(#222,#eee)}"
GOOD = f"""<!doctype html><html lang=en><meta name=viewport content="width=device-width"><title>Keys – Kaie</title>
<style>{STYLE}</style><main><h1 style="color:light-dark(#222,#eee)">Keys</h1><p>Fine.</p>FAULT</main></html>"""


def test_a_page_without_faults_has_none(page: Page) -> None:
    page.set_content(GOOD.replace("FAULT", ""))
    assert windows.faults(page) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("<input name=email>", "label:"),
        ("<p style='color:#bbb'>Pale", "color-contrast:"),
        ("<p style='color:#444'>Lost at night", "dark: color-contrast:"),
        (
            "<style>q{display:none}@media(width<400px){q{display:block;color:#444}}</style><q>Lost at night</q>",
            "375 px, dark: color-contrast:",
        ),
        ("<div style='width:350px'>Wide</div>", "320 px: sticks out:"),
        ("<div style='width:900px'>Wider</div>", "375 px: sticks out:"),
        ("<h1>Another</h1>", "2 h1 and 1 main"),
        ("<label>Name <input aria-invalid=true name=name></label>", "the title hides the error:"),
        ("<label>Name <input aria-invalid=true name=name></label>", "no reason at the field: name"),
        ("<div class=summary role=alert><a href=#gone>Enter a name.</a></div>", "the summary links to nothing: gone"),
        ("<button style='width:9px;height:9px;padding:0'></button>" * 2, "target-size:"),
    ],
)
def test_a_fault_is_seen(page: Page, fault: str, said: str) -> None:
    page.set_content(GOOD.replace("FAULT", fault))
    assert any(said in each for each in windows.faults(page))


def test_who_only_looks_keeps_a_window_but_nothing_in_it(chromium: Chromium) -> None:
    with chromium.same_window("somebody", {"first": "1"}) as before:
        before.goto(chromium.issuer + "/login")
        before.set_viewport_size({"width": windows.PHONE, "height": windows.HEIGHT})
    with chromium.same_window("somebody", {"second": "2"}) as page:
        assert page is before and page.viewport_size == {"width": windows.WIDE, "height": windows.HEIGHT}
        assert [(each["name"], each["value"]) for each in page.context.cookies()] == [("second", "2")]


def test_a_window_with_a_complaint_is_not_used_again(chromium: Chromium) -> None:
    with pytest.raises(AssertionError, match="uncaught: lost"), chromium.same_window("somebody", {}) as page:
        page.goto(chromium.issuer + "/login")
        with page.expect_event("pageerror"):
            page.evaluate("setTimeout(() => { throw new Error('lost'); })")
    with chromium.same_window("somebody", {}) as another:
        assert another is not page


def test_what_the_policy_refuses_fails_the_test(chromium: Chromium) -> None:
    foreign = "document.body.append(Object.assign(document.createElement('img'), {src: 'https://example.com/x.png'}))"
    with pytest.raises(AssertionError, match="Content Security Policy"), chromium.window() as page:
        page.goto(chromium.issuer + "/login")
        with page.expect_console_message():
            page.evaluate(foreign)
