"""The side bar: what everybody needs is always in sight, however many entries there are above it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import ADMIN, ALICE, Demo
from tests.support.chromium import WIDE, Chromium

pytestmark = [pytest.mark.browser, pytest.mark.served]
LAST = "Signing keys"


def in_sight(page: Page, name: str) -> bool:
    """Whether the whole of a control of the side bar can be seen without scrolling."""
    control = page.locator(".side").get_by_role("link", name=name, exact=True)
    found = control.or_(page.locator(".side").get_by_role("button", name=name, exact=True)).first
    found = found.or_(page.locator(".side").get_by_role("radio", name=name, exact=True)).first
    box = found.bounding_box()
    nav = page.locator(".side nav").bounding_box()
    assert box is not None and nav is not None
    size = page.viewport_size
    assert size is not None
    within = nav if found.evaluate("e => !!e.closest('nav')") else {"y": 0, "height": size["height"]}
    return within["y"] <= box["y"] and box["y"] + box["height"] <= within["y"] + within["height"]


@pytest.mark.parametrize(("email", "last"), [(ADMIN, LAST), (ALICE, "Profile")])
def test_the_whole_side_bar_fits_a_window_of_900_pixels(chromium: Chromium, demo: Demo, email: str, last: str) -> None:
    with chromium.window(demo.cookies(email)) as page:
        page.goto(demo.issuer + "/")
        assert [name for name in ("Overview", last, "Sign out", "Dark theme") if not in_sight(page, name)] == []


@pytest.mark.parametrize("script", [True, False])
def test_signing_out_stays_in_sight_in_a_low_window(chromium: Chromium, demo: Demo, script: bool) -> None:
    with chromium.window(demo.cookies(ADMIN), script=script) as page:
        page.set_viewport_size({"width": WIDE, "height": 560})
        page.goto(demo.issuer + "/")
        assert in_sight(page, "Sign out") and in_sight(page, "Dark theme")
        assert not in_sight(page, LAST)


def test_a_low_window_shows_the_entry_of_the_page_that_is_open(chromium: Chromium, demo: Demo) -> None:
    with chromium.window(demo.cookies(ADMIN)) as page:
        page.set_viewport_size({"width": WIDE, "height": 560})
        page.goto(demo.issuer + "/admin/signing-keys")
        expect(page.locator(".side [aria-current]")).to_have_text(LAST)
        assert in_sight(page, LAST) and in_sight(page, "Sign out")
        assert page.evaluate("scrollY") == 0


def test_the_keyboard_reaches_every_entry_in_sight(chromium: Chromium, demo: Demo) -> None:
    with chromium.window(demo.cookies(ADMIN)) as page:
        page.set_viewport_size({"width": WIDE, "height": 560})
        page.goto(demo.issuer + "/")
        entry = page.locator(".side").get_by_role("link", name="Gateway routes")
        entry.focus()
        page.keyboard.press("Tab")
        expect(page.locator(".side").get_by_role("link", name=LAST)).to_be_focused()
        assert in_sight(page, LAST)
