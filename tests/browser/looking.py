"""What every test of a screen does: go there, look at it, keep a picture."""

from __future__ import annotations

from tests.browser.screens import Screen
from tests.browser.stage import Stage
from tests.support import chromium as windows
from tests.support.chromium import Chromium, Judge


def look(chromium: Chromium, stage: Stage, email: str, screen: Screen, judge: Judge) -> list[str]:
    """What is wrong with this screen for this person, as `judge` sees it."""
    cookies = stage.demo.cookies(email)
    window = chromium.window(cookies) if screen.act else chromium.same_window(email, cookies)
    with window as page:
        path = stage.path(screen.path)
        page.goto(path if path.startswith("http") else stage.demo.issuer + path)
        if screen.act:
            screen.act(page)
            page.wait_for_load_state()  # a pressed button may have led to a page that is still arriving
        windows.picture(page, screen.name)
        found = judge(page)
        if found or windows.pictures_wanted():
            page.set_viewport_size({"width": windows.PHONE, "height": windows.HEIGHT})
            windows.picture(page, f"{screen.name}-phone", always=True)
        if screen.act:  # a page that holds a secret asks before it is left; here it may go
            page.context.on("dialog", lambda dialog: dialog.accept())
        return found
