"""A site of somebody else sends a person to us and gets them back: consent, refusal, revocation, without a mouse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import ALICE, PASSWORD, Demo
from tests.browser.site import Site, open_site
from tests.support.chromium import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.served]
SCOPE = "openid profile email workflows:read"


@pytest.fixture(scope="module")
def registered(demo: Demo) -> Iterator[Site]:
    """A site whose developer registered it through the form."""
    with open_site() as site:
        callback = {"redirect_uris-0": site.home + "/callback"}
        scopes = [*SCOPE.split(), "offline_access"]
        site.app = demo.app(ALICE, "Garden Diary", homepage="https://garden.example.com", scopes=scopes, **callback)
        site.app.scope = SCOPE
        yield site


@pytest.fixture
def site(registered: Site) -> Site:
    """The same, with nobody signed in."""
    registered.changes.clear()
    registered.tokens.clear()
    return registered


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def go(page: Page, site: Site) -> None:
    page.goto(site.home)
    page.get_by_role("link", name="Sign in with Kaie").click()


def test_a_person_signs_in_and_leaves_out_what_is_optional(page: Page, demo: Demo, site: Site) -> None:
    email = demo.person("Carla Optional")
    go(page, site)
    expect(page.get_by_text("to continue to Garden Diary")).to_be_visible()
    sign_in(page, email)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Garden Diary wants to access your Kaie account")
    expect(page.get_by_text(f"this computer (127.0.0.1:{site.port})")).to_be_visible()
    page.get_by_label("See your email address").uncheck()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello usr")  # the id: no address was shared
    assert set(site.tokens[0]["scope"].split()) == set(SCOPE.split()) - {"email"}
    assert "email" not in site.app.userinfo(site.tokens[0]["access_token"]).json


def test_the_allowing_button_waits_and_enter_allows_nothing(page: Page, demo: Demo, site: Site) -> None:
    go(page, site)
    sign_in(page, demo.person("Dora Careful"))
    allow, tick = page.get_by_role("button", name="Allow"), page.get_by_label("See your email address")
    expect(allow).to_be_enabled()
    for _ in range(2):
        with page.expect_navigation():
            tick.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("wants to access")
    assert site.tokens == []


def test_a_click_that_comes_at_once_is_not_taken(page: Page, demo: Demo, site: Site) -> None:
    """For half a second: against click-jacking and double clicks."""
    go(page, site)
    sign_in(page, demo.person("Dana Doubleclick"))
    page.wait_for_url("**/oauth/authorize/consent**")
    page.clock.install()
    page.reload()
    allow = page.get_by_role("button", name="Allow")
    expect(allow).to_be_disabled()
    page.clock.run_for(501)
    expect(allow).to_be_enabled()


def test_a_refusal_goes_back_without_anything(page: Page, demo: Demo, site: Site) -> None:
    go(page, site)
    sign_in(page, demo.person("Emil Denies"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Not signed in: access_denied")
    assert site.tokens == []


def test_consent_is_remembered_until_the_app_is_revoked(page: Page, demo: Demo, site: Site) -> None:
    go(page, site)
    sign_in(page, demo.person("Finn Returns"))
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello finn.returns@demo.test")
    go(page, site)  # signed in and allowed: straight through
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello finn.returns@demo.test")
    first, second = (each["access_token"] for each in site.tokens)
    assert site.app.is_active(first) and site.app.is_active(second)

    page.goto(demo.issuer + "/connected-apps")
    expect(page.get_by_role("heading", name="Garden Diary")).to_be_visible()
    page.get_by_role("link", name="Revoke Garden Diary").click()
    page.get_by_role("button", name="Revoke access").click()
    expect(page.get_by_text("You haven't allowed any apps.")).to_be_visible()
    assert not site.app.is_active(first) and not site.app.is_active(second)
    assert site.app.refresh(site.tokens[1]["refresh_token"]).error == (400, "invalid_grant")
    go(page, site)
    expect(page.get_by_role("heading", level=1)).to_contain_text("wants to access")


def test_a_new_scope_is_asked_for_and_marked(page: Page, demo: Demo, site: Site) -> None:
    go(page, site)
    sign_in(page, demo.person("Gita Grows"))
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")
    site.changes["scope"] = SCOPE + " offline_access"
    go(page, site)
    row = page.get_by_role("listitem").filter(has_text="Keep access")
    expect(row.get_by_text("New", exact=True)).to_be_visible()


def focused(page: Page) -> str:
    """Name of what has the focus; it can be seen, and nothing covers it."""
    name, seen = page.evaluate(
        """() => {
          const e = document.activeElement;
          const box = e.getBoundingClientRect();
          const style = getComputedStyle(e);
          const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
          const ring = style.outlineStyle != "none" && parseFloat(style.outlineWidth) >= 2;
          return [e.name || e.textContent.trim(), ring && box.width > 0 && (e.contains(hit) || hit?.contains(e))];
        }"""
    )
    assert seen, f"the focus on {name!r} cannot be seen"
    return str(name)


def tab_to(page: Page, name: str) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if focused(page) == name:
            return
    raise AssertionError(f"{name!r} cannot be reached by Tab")


def test_signing_in_and_allowing_need_no_mouse(page: Page, demo: Demo, site: Site) -> None:
    email = demo.person("Hana Keyboard")
    go(page, site)
    expect(page.get_by_label("Email")).to_be_focused()  # Chromium gives it a frame after the page is there
    assert focused(page) == "email"
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    assert focused(page) == "password"
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Allow")).to_be_enabled()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    tab_to(page, "scope")
    page.keyboard.press("Space")
    for _ in range(10):
        page.keyboard.press("Tab")
        focused(page)
        if page.evaluate("document.activeElement.value") == "allow":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")


def test_without_scripts_a_person_signs_in_and_allows(chromium: Chromium, demo: Demo, site: Site) -> None:
    email = demo.person("Ivo Noscript")
    with chromium.window(script=False) as page:
        go(page, site)
        sign_in(page, email)
        page.get_by_role("button", name="Allow").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Hello ivo.noscript@demo.test")


def test_a_site_that_asks_for_a_fresh_proof_gets_one(page: Page, demo: Demo, site: Site) -> None:
    site.changes["prompt"] = "login"
    signed_in = demo.cookies(ALICE)
    page.context.add_cookies([{"name": name, "value": value, "url": demo.issuer} for name, value in signed_in.items()])
    go(page, site)
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm it's you")
    expect(page.get_by_text(ALICE)).to_be_visible()
