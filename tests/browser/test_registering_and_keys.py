"""An app and keys, from the form to the page that shows a secret once, and to their end."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

import pytest
from playwright.sync_api import Error, Page, expect

from tests.browser.demo import Demo
from tests.support.browsing import OverHttp
from tests.support.chromium import Chromium
from tests.support.third_party import App

pytestmark = [pytest.mark.browser, pytest.mark.served]


def works(demo: Demo, key: str) -> int:
    answer = OverHttp().send("GET", demo.issuer + "/v1/me", b"", {"Authorization": f"Bearer {key}"})
    return answer.status


def window(chromium: Chromium, demo: Demo, name: str, *, script: bool = True) -> AbstractContextManager[Page]:
    return chromium.window(demo.cookies(demo.person(name)), script=script)


def saved(page: Page, label: str) -> str:
    """The secret, copied and ticked off as the page asks."""
    secret = page.get_by_role("textbox", name=label).inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name=f"Copy {label.lower()}").click()
    expect(page.locator("[data-announce]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    done = page.get_by_role("button", name="Done")
    expect(done).to_be_disabled()
    page.get_by_label("I've saved this").check()
    done.click()
    return secret


def create(page: Page, demo: Demo, name: str, level: str = "Read Only") -> None:
    page.goto(demo.issuer + "/settings/api-keys/new")
    page.get_by_label("Name").fill(name)
    page.get_by_role("radio", name=level).check()
    page.get_by_role("button", name="Create key").click()


def test_a_web_app_is_registered_and_its_secret_works(chromium: Chromium, demo: Demo) -> None:
    with window(chromium, demo, "Rosa Registers") as page:
        page.goto(demo.issuer + "/apps")
        page.get_by_role("link", name="Register app").first.click()
        page.get_by_role("link", name="Web app").click()
        page.get_by_label("Name", exact=True).fill("Rosa's Recipes")
        expect(page.get_by_label("Consent preview")).to_contain_text("Rosa's Recipes wants to access")
        page.get_by_role("textbox", name="Redirect URIs").first.fill("https://recipes.example.com/callback")
        page.get_by_label("See your email address").check()
        expect(page.get_by_label("Consent preview")).to_contain_text("See your email address")
        page.get_by_role("button", name="Register app").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Rosa's Recipes is registered")
        client_id = page.locator("dd code").first.inner_text()
        secret = saved(page, "Secret")
        expect(page.get_by_role("heading", level=1)).to_have_text("Rosa's Recipes")
        expect(page.get_by_role("link", name="Quickstart")).to_have_attribute("aria-current", "page")
        page.goto(f"{demo.issuer}/apps/{client_id}/credentials")
        assert secret not in page.content()
    app = App(demo.issuer, OverHttp(), client_id, secret)
    assert app.introspect("nonsense") == {"active": False}  # its secret is known


def test_a_pasted_list_becomes_rows_and_the_wrong_one_is_named(chromium: Chromium, demo: Demo) -> None:
    with window(chromium, demo, "Rosa Registers") as page:
        page.goto(demo.issuer + "/apps/new?kind=web")
        page.get_by_label("Name", exact=True).fill("Many")
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.evaluate("navigator.clipboard.writeText('https://a.example/cb http://b.example/cb')")
        page.get_by_role("textbox", name="Redirect URIs").first.click()
        page.keyboard.press("Control+V")
        expect(page.get_by_role("textbox", name="Redirect URIs 2")).to_have_value("http://b.example/cb")
        page.get_by_role("button", name="Register app").click()
        page.get_by_role("alert").get_by_role("link").click()
        expect(page.get_by_role("textbox", name="Redirect URIs 2")).to_be_focused()


def test_a_key_is_shown_once_and_a_reload_makes_no_second_one(chromium: Chromium, demo: Demo) -> None:
    with window(chromium, demo, "Sami Creates") as page:
        page.on("dialog", lambda dialog: dialog.accept())
        create(page, demo, "Once")
        key = page.get_by_role("textbox", name="Key").inner_text()
        assert works(demo, key) == 200
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text("This key was already shown")
        page.get_by_role("link", name="Your keys").click()
        expect(page.get_by_role("link", name="Once")).to_have_count(1)
        assert key not in page.content()


def test_the_back_button_does_not_bring_a_key_back(chromium: Chromium, demo: Demo) -> None:
    with window(chromium, demo, "Tara Back") as page:
        create(page, demo, "Kept")
        key = saved(page, "Key")
        page.wait_for_url("**/settings/api-keys*")
        answered = []
        page.on("response", lambda response: answered.append(response.status))
        with contextlib.suppress(Error):  # Chromium itself asks whether to send the form again: ERR_CACHE_MISS
            page.go_back()
        page.wait_for_function("!document.querySelector('main')")  # its own page about that, in whatever words
        assert (answered, key in page.content()) == ([], False)
        page.goto(demo.issuer + "/settings/api-keys")
        expect(page.get_by_role("link", name="Kept")).to_have_count(1)


def test_leaving_before_the_key_is_saved_asks_first(chromium: Chromium, demo: Demo) -> None:
    asked: list[str] = []
    with window(chromium, demo, "Udo Leaves") as page:
        create(page, demo, "Unsaved")
        page.get_by_role("textbox", name="Key").click()

        def stay(dialog: object) -> None:
            asked.append(dialog.type)  # type: ignore[attr-defined]
            dialog.accept()  # type: ignore[attr-defined]

        page.on("dialog", stay)
        page.get_by_role("link", name="Overview").locator("visible=true").click()
        page.wait_for_url(demo.issuer + "/")
    assert asked == ["beforeunload"]


def test_a_rotated_key_works_beside_the_new_one_until_it_is_revoked(chromium: Chromium, demo: Demo) -> None:
    with window(chromium, demo, "Vera Rotates") as page:
        create(page, demo, "Deploys")
        old = saved(page, "Key")
        page.get_by_role("link", name="Deploys").click()
        page.get_by_role("link", name="Rotate").click()
        page.get_by_role("button", name="Rotate key").click()
        new = saved(page, "Key")
        assert (works(demo, old), works(demo, new)) == (200, 200)
        page.get_by_role("row").filter(has_text="Rotated").get_by_role("link", name="Deploys").click()
        page.get_by_role("link", name="Revoke").click()
        expect(page.get_by_text("This can't be undone.")).to_be_visible()
        page.get_by_role("button", name="Revoke key").click()
        page.wait_for_load_state()
    assert (works(demo, old), works(demo, new)) == (401, 200)


def test_a_discarded_key_is_dead(chromium: Chromium, demo: Demo) -> None:
    with window(chromium, demo, "Wim Discards") as page:
        create(page, demo, "Mistake")
        key = page.get_by_role("textbox", name="Key").inner_text()
        page.get_by_role("button", name="Discard key").click()
        page.wait_for_load_state()
        assert works(demo, key) == 401


def test_a_key_is_made_without_scripts(chromium: Chromium, demo: Demo) -> None:
    with window(chromium, demo, "Xena Noscript", script=False) as page:
        create(page, demo, "Plain", "Read/Write")
        key = page.get_by_role("textbox", name="Key").inner_text()
        expect(page.get_by_role("button", name="Copy key")).to_be_hidden()  # it could do nothing
        page.get_by_role("button", name="Done").click()
        expect(page.get_by_role("link", name="Plain")).to_be_visible()
    assert works(demo, key) == 200
