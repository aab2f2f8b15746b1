"""/usage in Chromium, empty and in use, in both themes and every width."""

from __future__ import annotations

import pytest
import requests

from tests.browser.demo import ADMIN, ALICE, Demo
from tests.browser.stage import Stage
from tests.support import chromium as windows
from tests.support.chromium import Chromium, Judge

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def used(demo: Demo) -> str:
    """A key of Alice's that has reached its limit; its id."""
    made = demo.browser(ALICE).fill(
        "/settings/api-keys/new", name="Greedy", permission="read_only", rate_limit="4/hour"
    )
    key = next(word for word in made.text.replace("<", " ").replace(">", " ").split() if word.startswith("kaie_ak_"))
    for _ in range(6):
        requests.get(demo.issuer + "/v1/me", headers={"Authorization": f"Bearer {key}"}, timeout=10)
    return key


def test_a_used_up_limit_is_seen_and_can_be_raised(chromium: Chromium, demo: Demo, used: str) -> None:
    with chromium.window(demo.cookies(ALICE)) as page:
        page.goto(demo.issuer + "/usage")
        row = page.locator("tr", has_text="Greedy")
        assert "4 / 4" in row.inner_text() and row.locator("meter").get_attribute("value") == "4"
        windows.picture(page, "usage")
        row.get_by_role("link", name="Change").click()
        page.get_by_label("Limit").fill("10/hour")
        windows.picture(page, "usage-limit")
        page.get_by_role("button", name="Change limit").click()
        assert "4 / 10" in page.locator("tr", has_text="Greedy").inner_text()


STATES = [pytest.param(each, marks=pytest.mark.long_screens) for each in ("empty", "admin")]


@pytest.mark.parametrize("judge", windows.JUDGES)
@pytest.mark.parametrize("name", ["owner", *STATES])
def test_the_page_is_fit_for_everybody(chromium: Chromium, stage: Stage, used: str, name: str, judge: Judge) -> None:
    who = {"empty": stage.newcomer, "owner": ALICE, "admin": ADMIN}[name]
    with chromium.window(stage.demo.cookies(who)) as page:
        page.goto(stage.demo.issuer + "/usage")
        windows.picture(page, f"usage-{name}")
        page.set_viewport_size({"width": windows.PHONE, "height": 900})
        windows.picture(page, f"usage-{name}-phone")
        assert judge(page) == []
