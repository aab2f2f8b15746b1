"""What people do with their account in a browser: passwords, links, sessions, themes, being disabled."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import ADMIN, PASSWORD, Demo
from tests.support.chromium import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.served]
NEW_PASSWORD = "forty lanterns over the harbour"


def sign_in(page: Page, demo: Demo, email: str, password: str = PASSWORD) -> None:
    page.goto(demo.issuer + "/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_person_signs_in_and_out(page: Page, demo: Demo) -> None:
    sign_in(page, demo, demo.person("Jon Plain"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, Jon")
    page.get_by_role("button", name="Sign out").locator("visible=true").click()
    page.goto(demo.issuer + "/apps")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_back_button_after_signing_out_shows_nothing_of_the_account(page: Page, demo: Demo) -> None:
    sign_in(page, demo, demo.person("Kira Back"))
    page.goto(demo.issuer + "/settings/profile")
    page.get_by_role("button", name="Sign out").locator("visible=true").click()
    page.wait_for_url("**/login*")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_wrong_password_keeps_the_email_and_says_so_in_the_title(page: Page, demo: Demo) -> None:
    sign_in(page, demo, "nobody@demo.test", "wrong")
    expect(page).to_have_title("Error – Sign in – Kaie")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value("nobody@demo.test")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")


def test_a_shown_password_is_hidden_again_when_it_is_sent(page: Page, demo: Demo) -> None:
    page.goto(demo.issuer + "/login")
    password = page.get_by_label("Password", exact=True)
    page.get_by_role("button", name="Show").click()
    expect(password).to_have_attribute("type", "text")
    expect(password).to_be_focused()
    page.get_by_role("button", name="Hide").click()
    expect(password).to_have_attribute("type", "password")


def test_a_changed_password_signs_the_other_browsers_out(page: Page, chromium: Chromium, demo: Demo) -> None:
    email = demo.person("Lena Changes")
    sign_in(page, demo, email)
    with chromium.window() as other:
        sign_in(other, demo, email)
        page.goto(demo.issuer + "/settings/security")
        page.get_by_label("Current password").fill(PASSWORD)
        page.get_by_label("New password").fill(NEW_PASSWORD)
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_text("Your password is changed.")).to_be_visible()
        other.reload()
        expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(demo.issuer + "/settings/sessions")
    expect(page.get_by_text("This session")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out", exact=True).and_(page.locator("main button"))).to_have_count(0)


def test_a_forgotten_password_is_reset_by_the_mail(page: Page, demo: Demo) -> None:
    email = demo.person("Mona Forgets")
    page.goto(demo.issuer + "/login")
    page.get_by_role("button", name="Forgot password?").click()
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Send link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    page.goto(f"{demo.issuer}/demo/mail?to={email}")
    expect(page.get_by_role("article")).to_contain_text(email)
    page.frame_locator("iframe").get_by_role("link", name="Choose a new password").click()
    page.wait_for_url("**/password/reset/*")
    address = page.url
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Set password and sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, Mona")
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link no longer works")


def test_who_was_disabled_is_told_so_after_the_right_password_alone(page: Page, demo: Demo, stage: object) -> None:
    sign_in(page, demo, "gus.gone@demo.test", "wrong")
    expect(page.get_by_role("alert")).to_have_text("That email and password don't match.")
    sign_in(page, demo, "gus.gone@demo.test")
    expect(page.get_by_role("alert")).to_contain_text("This account is disabled.")


def test_disabling_somebody_ends_the_page_they_look_at(page: Page, chromium: Chromium, demo: Demo) -> None:
    email = demo.person("Nils Stopped")
    sign_in(page, demo, email)
    with chromium.window(demo.cookies(ADMIN)) as admin:
        admin.goto(f"{demo.issuer}/admin/users?q={email}")
        admin.get_by_role("link", name="Nils Stopped").click()
        admin.get_by_role("link", name="Disable account").click()
        admin.get_by_role("button", name="Disable account").click()
        expect(admin.get_by_text("The account is disabled.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_somebody_is_deleted_and_restored(page: Page, chromium: Chromium, demo: Demo) -> None:
    email = demo.person("Rosa Restored")
    sign_in(page, demo, email)
    with chromium.window(demo.cookies(ADMIN)) as admin:
        admin.goto(f"{demo.issuer}/admin/users?q={email}")
        admin.get_by_role("link", name="Rosa Restored").click()
        admin.get_by_role("link", name="Delete account").click()
        expect(admin.get_by_text("2 sessions, 0 API keys")).to_be_visible()
        admin.get_by_label(f"Type {email} to confirm").fill(email)
        admin.get_by_role("button", name="Delete account").click()
        expect(admin.get_by_text("This person is deleted.")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        admin.goto(f"{demo.issuer}/admin/users")
        admin.get_by_role("link", name="Deleted", exact=True).click()
        admin.get_by_role("link", name="Rosa Restored").click()
        admin.get_by_role("button", name="Restore account").click()
        expect(admin.get_by_text("The account is restored.")).to_be_visible()
    sign_in(page, demo, email)
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, Rosa")


def test_an_invited_person_chooses_a_password_and_is_in(page: Page, chromium: Chromium, demo: Demo) -> None:
    with chromium.window(demo.cookies(ADMIN)) as admin:
        admin.goto(demo.issuer + "/admin/users")
        admin.get_by_role("link", name="Create user").click()
        admin.get_by_label("Email").fill("olga@demo.test")
        admin.get_by_label("Name to show").fill("Olga Invited")
        admin.get_by_role("button", name="Create user").click()
        link = admin.get_by_role("textbox", name="Link").inner_text()
    page.goto(link)
    expect(page.get_by_text("olga@demo.test")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Set password and sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, Olga")
    expect(page.get_by_text("Three steps to your first token.")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link no longer works")


# ---- themes -------------------------------------------------------------------------------------------------


def paper(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def choose(page: Page, theme: str, *, script: bool) -> None:
    page.get_by_role("radio", name=theme).check()
    if not script:
        page.get_by_role("button", name="Remember").click()


@pytest.mark.parametrize("script", [True, False])
def test_a_chosen_theme_is_there_at_the_first_paint(chromium: Chromium, demo: Demo, script: bool) -> None:
    with chromium.window(script=script) as page:
        page.goto(demo.issuer + "/login")
        light = paper(page)
        choose(page, "Dark theme", script=script)
        assert paper(page) != light
        # The answer itself says so, before any script or style of ours has run.
        body = page.goto(demo.issuer + "/password/reset").text()
        assert body.index('data-theme="dark"') < body.index("<head>")
        choose(page, "System theme", script=script)
        assert paper(page) == light


def test_the_theme_follows_the_system_unless_chosen(chromium: Chromium, demo: Demo) -> None:
    with chromium.window(scheme="dark") as page:
        page.goto(demo.issuer + "/login")
        dark = paper(page)
        page.get_by_role("radio", name="Light theme").check()
        assert paper(page) != dark
