"""What people typed, and secrets that are shown once, in a browser: no sign-in, theme or sign-out loses them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import ALICE, PASSWORD, Demo
from tests.browser.running_out import run_out
from tests.browser.stage import Stage
from tests.support import chromium as windows
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
        assert not script or windows.faults_at_a_desk(page) == []
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


# ---- the theme ----------------------------------------------------------------------------------------------


def go_dark(page: Page, *, script: bool) -> list[str]:
    """Choose the dark theme; the requests that it took."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    theme = page.get_by_role("radio", name="Dark theme").locator("visible=true")
    theme.check()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    if not script:
        page.locator(".theme").locator("visible=true").get_by_role("button", name="Remember").click()
        page.wait_for_timeout(300)
    return asked


@BOTH
def test_the_theme_changes_and_what_was_typed_stays(chromium: Chromium, demo: Demo, script: bool) -> None:
    with chromium.window(demo.cookies(ALICE), script=script) as page:
        page.goto(demo.issuer + "/settings/profile")
        page.get_by_label("Given name").fill("Half a na")
        asked = go_dark(page, script=script)
        assert asked == [] if script else [f"POST {demo.issuer}/settings/theme"]
        expect(page.get_by_label("Given name")).to_have_value("Half a na")
        body = page.request.get(demo.issuer + "/settings/profile").text()
        assert 'data-theme="dark"' in body


@BOTH
def test_the_theme_changes_and_an_app_s_sign_in_goes_on(
    chromium: Chromium, demo: Demo, stage: Stage, script: bool
) -> None:
    with chromium.window(script=script) as page:
        page.goto(stage.authorize)
        page.get_by_label("Email").fill(ALICE)
        go_dark(page, script=script)
        expect(page.get_by_label("Email")).to_have_value(ALICE)
        expect(page.get_by_text("to continue to Acme Notes")).to_be_visible()
        assert page.locator("main input[name=request]").input_value()


# ---- secrets that are shown once ----------------------------------------------------------------------------


def show_key(page: Page, demo: Demo, name: str) -> str:
    """A new API key, as its page shows it."""
    page.goto(demo.issuer + "/settings/api-keys/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Create key").click()
    return page.get_by_role("textbox", name="Key").inner_text()


@BOTH
def test_neither_theme_nor_sign_out_takes_a_secret_away(chromium: Chromium, demo: Demo, script: bool) -> None:
    with chromium.window(demo.cookies(ALICE), script=script) as page:
        key = show_key(page, demo, f"Shown once {script}")
        go_dark(page, script=script)
        with page.context.expect_page() as asked:
            page.get_by_role("button", name="Sign out").locator("visible=true").click()
        expect(asked.value.get_by_role("heading", level=1)).to_have_text("Sign out?")
        expect(page.get_by_role("textbox", name="Key")).to_have_text(key)


def test_whatever_else_leads_away_from_a_secret_asks_first(chromium: Chromium, demo: Demo) -> None:
    with chromium.window(demo.cookies(ALICE)) as page:
        key = show_key(page, demo, "Asked about")
        asked: list[str] = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        # A form that another part of the page sends, as a search or a language would.
        page.evaluate("""() => {
          const form = document.body.appendChild(Object.assign(document.createElement("form"), {action: "/apps"}));
          form.requestSubmit();
        }""")
        page.get_by_role("link", name="Overview").locator("visible=true").click()
        assert asked == ["beforeunload", "beforeunload"]
        expect(page.get_by_role("textbox", name="Key")).to_have_text(key)
        page.get_by_label("I've saved this key").check()
        page.get_by_role("button", name="Done").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("API keys")


# ---- forgotten passwords ------------------------------------------------------------------------------------


@BOTH
def test_after_a_forgotten_password_the_person_is_back_at_the_app(
    chromium: Chromium, demo: Demo, stage: Stage, script: bool
) -> None:
    email = demo.person(f"Fred Forgot {'Fast' if script else 'Slowly'}")
    with chromium.window(script=script) as page:
        page.goto(stage.authorize)
        page.get_by_label("Email").fill(email)
        page.get_by_role("button", name="Forgot password?").click()
        expect(page.get_by_label("Email")).to_have_value(email)
        page.get_by_role("button", name="Back to sign in").click()
        expect(page.get_by_text("to continue to Acme Notes")).to_be_visible()
        expect(page.get_by_label("Email")).to_have_value(email)
        page.get_by_role("button", name="Forgot password?").click()
        page.get_by_role("button", name="Send link").click()
        page.get_by_role("button", name="Send another").click()
        expect(page.get_by_label("Email")).to_have_value(email)
        page.get_by_role("button", name="Send link").click()
        page.goto(f"{demo.issuer}/demo/mail?to={email}&view=text")
        page.get_by_role("link", name="/password/reset/").first.click()
        page.get_by_label("New password").fill("a quiet lake at dawn")
        page.get_by_role("button", name="Set password and sign in").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Acme Notes wants to access")


# ---- undo ---------------------------------------------------------------------------------------------------


@BOTH
def test_an_app_is_disabled_at_once_and_comes_back_with_undo(chromium: Chromium, demo: Demo, script: bool) -> None:
    app = demo.app(ALICE, f"Taken back {script}", "machine", scopes=["workflows:read"])
    with chromium.window(demo.cookies(ALICE), script=script) as page:
        page.goto(f"{demo.issuer}/apps/{app.client_id}/danger")
        page.get_by_role("button", name="Disable").click()
        expect(page.get_by_role("status").filter(has_text="is disabled.")).to_be_visible()
        assert not script or windows.faults_at_a_desk(page) == []
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("status").filter(has_text="works again.")).to_be_visible()
        expect(page.get_by_role("button", name="Disable")).to_be_visible()
