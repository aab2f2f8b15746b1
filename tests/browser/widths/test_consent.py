"""Whoever is asked for much sees both answers without scrolling."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from authserver.domain.demo.seeding import ALICE
from tests.browser.widths import full_site
from tests.services import chromium as programs
from tests.support import chromium as windows

pytestmark = [pytest.mark.browser, pytest.mark.served]


def test_allow_and_cancel_are_in_sight_with_six_scopes() -> None:
    programs.executable()
    with (
        full_site.running() as site,
        windows.running(site.issuer) as chromium,
        chromium.window(site.cookies(ALICE)) as page,
    ):
        for width, height in ((1366, 768), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            page.goto(site.issuer + site.pages()["authorization.begin"])
            assert page.locator(".scopes li").count() >= 6
            for name in ("Allow", "Cancel"):
                expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
