"""Every page of a full installation in every window: nothing breaks out, nothing is covered, nothing is too small."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from authserver.domain.demo.seeding import ALICE
from tests.browser.widths import full_site, walking
from tests.browser.widths.full_site import FullSite
from tests.services import chromium as programs
from tests.support import chromium as windows
from tests.support.chromium import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.served]


@pytest.fixture(scope="module")
def site() -> Iterator[FullSite]:
    programs.executable()  # without Chromium nothing is started
    with full_site.running() as made:
        yield made


@pytest.fixture(scope="module")
def browser(site: FullSite, program: Browser) -> Iterator[Chromium]:
    with windows.looking_at(site.issuer, program) as looking:
        yield looking


def test_pages_fit_the_windows_that_people_have(site: FullSite, browser: Chromium) -> None:
    wrong, unopened = walking.walk(browser, site, walking.FEW)
    assert (wrong, unopened) == ({}, set())


@pytest.mark.long_widths
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_every_window(site: FullSite, browser: Chromium, scheme: str) -> None:
    wrong, unopened = walking.walk(browser, site, walking.WIDTHS, scheme=scheme)
    assert (wrong, unopened) == ({}, set())


@pytest.mark.long_widths
def test_pages_fit_when_text_is_twice_as_large(site: FullSite, browser: Chromium) -> None:
    wrong, unopened = walking.walk(browser, site, (768, 1280, 1920), text=200)
    assert (wrong, unopened) == ({}, set())


def test_allow_and_cancel_are_in_sight_with_six_scopes(site: FullSite, browser: Chromium) -> None:
    """Whoever is asked for much sees both answers without scrolling."""
    with browser.window(site.cookies(ALICE)) as page:
        for width, height in ((1366, 768), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            page.goto(site.issuer + site.pages()["authorization.begin"])
            assert page.locator(".scopes li").count() >= 6
            for name in ("Allow", "Cancel"):
                expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
