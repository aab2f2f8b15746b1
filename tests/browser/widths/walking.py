"""A walk through every page: each is loaded once, and measured in one window after the other."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, Response

from tests.browser.widths.full_site import WHO, FullSite
from tests.support.chromium import Chromium

MEASURE = (Path(__file__).parent / "measure.js").read_text()
WIDTHS = (320, 375, 600, 768, 800, 900, 1024, 1152, 1280, 1440, 1920)
FEW = (320, 1024)  # the smallest, and the one in which the side bar leaves least to a table
HEIGHT = 900
# What is no page on purpose: files, and steps that lead on.
NO_PAGE = frozenset(
    {"audit_log.export", "admin_users_rosters.export", "change_password.show", "playground.look_up",
     "authorization.proceed", "consent.show", "consent.choose", "logout.show", "login.confirm", "end_session.show",
     "demo_logout.show"}
)  # fmt: skip


def measured(page: Page, widths: tuple[int, ...], *, text: int = 100) -> list[str]:
    """What is wrong in these windows, the width in front of each."""
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        found += [f"{width} px{'' if text == 100 else f', {text} %'}: {each}" for each in page.evaluate(MEASURE)]
    return found


def walk(
    chromium: Chromium, site: FullSite, widths: tuple[int, ...], *, scheme: str = "light", text: int = 100
) -> tuple[dict[str, list[str]], set[str]]:
    """What is wrong, by page, and the pages that nobody could open. Each is measured for the first who may open it."""
    left = {name: path for name, path in site.pages().items() if name.partition(" ")[0] not in NO_PAGE}
    wrong: dict[str, list[str]] = {}
    for email in WHO:
        with chromium.window(site.cookies(email), scheme=scheme, quiet=False) as page:
            if text != 100:
                sizes = {"standard": 16 * text // 100, "fixed": 13 * text // 100}
                page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": sizes})
            page.on("dialog", lambda dialog: dialog.accept())
            for name, path in list(left.items()):
                if _opens(page, site.issuer + path, page.goto(site.issuer + path)):
                    del left[name]
                    wrong[name] = measured(page, widths, text=text)
    return {name: faults for name, faults in wrong.items() if faults}, set(left)


def _opens(page: Page, address: str, answer: Response | None) -> bool:
    """Whether a person is where they wanted to be; an authorization request always leads to its question."""
    if answer is None or answer.status != 200 or "text/html" not in answer.headers.get("content-type", ""):
        return False
    wanted, reached = urlsplit(address).path, urlsplit(page.url).path
    return reached == {"/oauth/authorize": "/oauth/authorize/consent"}.get(wanted, wanted)
