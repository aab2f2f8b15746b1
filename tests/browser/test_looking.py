"""The checks of screens see what they are there for."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support import chromium

pytestmark = [pytest.mark.browser, pytest.mark.served]
GOOD = """<!doctype html><html lang=en><meta name=viewport content="width=device-width"><title>Keys – Kaie</title>
<style>p{color:light-dark(#222,#eee)}html{color-scheme:light dark}</style><main><h1>Keys</h1><p>Fine.</p>%s</main></html>"""


def test_a_page_without_faults_has_none(page: Page) -> None:
    page.set_content(GOOD % "")
    assert chromium.faults(page) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("<input name=email>", "label:"),
        ("<p style='color:#bbb'>Pale", "color-contrast:"),
        ("<p style='color:#111'>Lost at night", "dark: color-contrast:"),
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
    page.set_content(GOOD % fault)
    assert any(said in each for each in chromium.faults(page))


def test_what_the_policy_refuses_fails_the_test(chromium: chromium.Chromium) -> None:
    with pytest.raises(AssertionError, match="Content Security Policy"), chromium.window() as page:
        page.goto(chromium.issuer + "/login")
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'window.evil = 1'}))"
        )
        assert page.evaluate("window.evil") is None
