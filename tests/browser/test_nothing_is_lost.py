"""What people typed, and secrets that are shown once, in a browser: no sign-in, theme or sign-out loses them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import ALICE, PASSWORD, Demo
from tests.browser.running_out import run_out
from tests.support.chromium import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.served]
BOTH = pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
URIS = ["https://kept.example/callback", "https://kept.example/second", "https://kept.example/third"]


def cookies(page: Page) -> dict[str, str]:
    return {each["name"]: each["value"] for each in page.context.cookies()}  # type: ignore[misc, index]


def sign_in(page: Page, demo: Demo, email: str) -> None:
    page.goto(demo.issuer + "/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(demo.passwords[email])
    page.get_by_role("button", name="Sign in", exact=True).click()


def register_web_app(page: Page, demo: Demo, name: str) -> None:
    """Fill the form in, with as many rows as there are addresses."""
    page.goto(demo.issuer + "/apps/new?kind=web")
    page.get_by_label("Name", exact=True).fill(name)
    for number, uri in enumerate(URIS, 1):
        if number > 1:
            page.locator("[data-rows=redirect_uris]").get_by_role("button", name="Add another").click()
        page.get_by_role("textbox", name=f"Redirect URIs {number}").fill(uri)


@BOTH
def test_a_form_is_there_again_after_the_session_ran_out(chromium: Chromium, demo: Demo, script: bool) -> None:
    with chromium.window(script=script) as page:
        sign_in(page, demo, ALICE)
        name = f"Kept {'with' if script else 'without'} script"
        register_web_app(page, demo, name)
        run_out(demo, cookies(page))
        page.get_by_role("button", name="Register app").click()
        expect(page.get_by_text("You were signed out. Your form is there again once you are back.")).to_be_visible()
        expect(page.get_by_label("Email")).to_have_value(ALICE)
        page.get_by_label("Password", exact=True).fill(demo.passwords[ALICE])
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="You were signed out. Here is your form")).to_be_visible()
        expect(page.get_by_label("Name", exact=True)).to_have_value(name)
        for number, uri in enumerate(URIS, 1):
            expect(page.get_by_role("textbox", name=f"Redirect URIs {number}")).to_have_value(uri)
        page.get_by_role("button", name="Register app").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def test_another_person_who_signs_in_instead_sees_nothing_of_the_form(page: Page, demo: Demo) -> None:
    other = demo.person("Otto Other")
    sign_in(page, demo, ALICE)
    register_web_app(page, demo, "Private plans")
    run_out(demo, cookies(page))
    page.get_by_role("button", name="Register app").click()
    page.get_by_label("Email").fill(other)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("There is no form of yours here.")).to_be_visible()
    page.goto(demo.issuer + "/apps/new?kind=web")
    expect(page.get_by_label("Name", exact=True)).to_have_value("")
