"""The playground in Chromium, against the seeded demo: every flow, and what a developer gets wrong (ux.md 2.11)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.demo import ADMIN, ALICE, Demo
from tests.support import chromium as windows
from tests.support.chromium import Chromium, Judge

pytestmark = pytest.mark.browser
DONE, FAILED = "Done", "Failed"


def later(*others: Any) -> list[Any]:
    """Further rows of a table whose first one shows what the page does with them; the protocol has tests of all."""
    rows = [each if isinstance(each, tuple) else (each,) for each in others]
    return [pytest.param(*row, marks=pytest.mark.long_more) for row in rows]


@pytest.fixture
def page(chromium: Chromium, demo: Demo) -> Iterator[Page]:
    """Alice's window, on the playground."""
    with chromium.window(demo.cookies(ALICE)) as opened:
        opened.goto(demo.issuer + "/playground")
        yield opened
        kept = "() => localStorage.length + sessionStorage.length"
        assert opened.evaluate(kept) == 0, "the playground left something in the browser"


class Playground:
    """What somebody does there."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def step(self) -> Locator:
        """The step that is open."""
        return self.page.locator("[data-step]:not([hidden])")

    def choose(self, flow: str) -> None:
        self.page.select_option("#flow", flow)

    def go(self, step: str) -> None:
        self.page.locator(f"[data-flow]:not([hidden]) [data-go={step}]").click()

    def state(self, text: str = DONE) -> None:
        expect(self.step.locator("[data-chip]")).to_have_text(text)

    def send(self, text: str = DONE) -> None:
        self.step.locator("[data-send]").click()
        self.state(text)

    def on(self) -> None:
        self.step.locator("[data-next]").click()

    def make(self, what: str) -> None:
        self.step.locator(f"[data-make={what}]").click()

    def answer(self) -> Locator:
        return self.step.locator("[data-http=response]")

    def attack(self, title: str) -> Locator:
        """Provoke a failure; what the page says about it."""
        if (folded := self.step.locator("details.wrong:not([open])")).count():
            folded.locator("summary").click()
        line = self.step.locator(".attacks li", has_text=title)
        line.locator("button").click()
        expect(line.locator("[data-outcome]")).not_to_be_empty()
        return line.locator("[data-outcome]")

    def sign_in(self) -> None:
        """Discovery, app, address, consent in a tab of its own: up to a code."""
        self.choose("code")
        self.send()
        self.on()
        self.send()
        self.on()
        self.step.locator("[data-send]").click()
        self.consent()

    def consent(self, action: str = "allow") -> None:
        with self.page.expect_popup() as opened:
            self.step.locator("[data-open]").click()
        opened.value.locator(f"[name=action][value={action}]").click()
        self.page.locator("#step-callback:not([hidden])").wait_for()
        expect(self.page.locator("#step-callback [data-chip]")).not_to_have_text("To do")

    def tokens(self) -> None:
        self.sign_in()
        self.on()
        self.send()


@pytest.fixture
def playground(page: Page) -> Playground:
    return Playground(page)


def test_the_code_flow_from_discovery_to_revocation(playground: Playground, page: Page) -> None:
    playground.sign_in()
    windows.picture(page, "playground-callback")
    expect(playground.step).to_contain_text("state is the one that this page sent")
    expect(playground.step).to_contain_text("iss is this server")
    playground.state()
    playground.on()
    playground.send()
    expect(playground.step.locator(".token").first).to_contain_text("The signature is good: ES256")
    expect(playground.step).to_contain_text("expires in")
    playground.step.locator(".token", has_text="ID token").locator("summary").click()
    expect(playground.step).to_contain_text("The signature is good: RS256")
    expect(playground.step).to_contain_text("the nonce of this page")
    windows.picture(page, "playground-tokens")
    playground.on()
    playground.send()
    expect(playground.answer()).to_contain_text('"data"')
    playground.on()
    playground.make("caller")
    expect(playground.step.locator("[name=client_secret]")).not_to_have_value("")
    playground.send()
    expect(playground.answer()).to_contain_text('"active": true')
    playground.on()
    spent = playground.step.locator("[name=refresh_token]").input_value()
    playground.send()
    expect(playground.step.locator("s")).to_have_text(spent)
    expect(playground.step.locator("[name=refresh_token]")).not_to_have_value(spent)
    playground.on()
    playground.send()
    playground.go("introspect")
    playground.send()
    expect(playground.answer()).to_contain_text('"active": false')
    windows.picture(page, "playground-revoked")


def test_a_machine_gets_a_token_calls_and_asks_about_it(playground: Playground, page: Page) -> None:
    playground.choose("machine")
    playground.send(FAILED)  # the seeded app keeps no secret
    playground.make("client")
    playground.state()
    playground.on()
    playground.send()
    expect(playground.step).to_contain_text("The signature is good")
    playground.on()
    playground.send()
    playground.on()
    playground.send()
    expect(playground.answer()).to_contain_text('"active": true')
    playground.on()
    playground.send()
    windows.picture(page, "playground-machine")


@pytest.mark.parametrize("alg", ["ES256", *later("RS256", "PS256", "EdDSA")])
def test_a_jwt_of_a_pair_made_here_works_once(playground: Playground, page: Page, alg: str) -> None:
    playground.choose("jwt")
    playground.step.locator("[name=alg]").select_option(alg)
    playground.step.locator("[data-send]").click()
    playground.make("keys")
    playground.state()
    assert '"d"' not in playground.step.inner_text()
    playground.on()
    playground.send()
    expect(playground.step).to_contain_text(f"The signature is good: {alg}")
    playground.on()
    playground.send()
    expect(playground.answer()).to_contain_text('"kind": "jwt"')
    expect(playground.attack("A server-to-server JWT again")).to_contain_text("As it should be: INVALID_TOKEN (401)")
    windows.picture(page, f"playground-jwt-{alg}")


def test_a_key_reads_and_is_refused_a_delete(playground: Playground, page: Page) -> None:
    playground.choose("key")
    playground.make("key")
    expect(playground.step.locator("[name=api_key]")).to_have_value(re.compile("^kaie_ak_"))
    playground.send()
    playground.on()
    playground.send()
    expect(playground.answer()).to_contain_text('"data"')
    expect(playground.attack("Delete without permission")).to_contain_text(
        "As it should be: INSUFFICIENT_PERMISSIONS (403)"
    )
    expect(playground.attack("One wrong character")).to_contain_text("As it should be: INVALID_API_KEY (401)")
    expect(playground.attack("No credential")).to_contain_text("As it should be: MISSING_AUTHENTICATION (401)")
    windows.picture(page, "playground-key")


def test_an_owner_is_led_to_the_check_that_failed(playground: Playground, page: Page) -> None:
    playground.choose("key")
    playground.make("key")
    expect(playground.step.locator("[name=api_key]")).not_to_have_value("")
    playground.send()
    playground.on()
    assert not playground.attack("No credential").get_by_role("link").count()  # nobody's, so nobody may read it
    with page.expect_popup() as opened:
        playground.attack("Delete without permission").get_by_role("link", name="Why did this fail?").click()
    expect(opened.value.locator("main")).to_contain_text("workflows:delete")


@pytest.mark.parametrize("title", ["A redirect URI that is not registered", *later("An app that does not exist")])
def test_an_address_that_cannot_be_trusted_leads_nowhere(playground: Playground, title: str) -> None:
    playground.choose("code")
    playground.go("authorize")
    expect(playground.attack(title)).to_contain_text("As it should be: 400")


@pytest.mark.parametrize("title", ["A wrong verifier", *later("Another redirect URI")])
def test_a_code_is_worth_nothing_without_what_belongs_to_it(playground: Playground, title: str) -> None:
    playground.sign_in()
    playground.on()
    expect(playground.attack(title)).to_contain_text("As it should be: invalid_grant (400)")
    playground.send(FAILED)  # the code is spent


def test_a_code_used_twice_ends_what_it_gave(playground: Playground, page: Page) -> None:
    playground.tokens()
    expect(playground.attack("The same code again")).to_contain_text("As it should be: invalid_grant (400)")
    playground.go("call")
    playground.send(FAILED)
    expect(playground.step).to_contain_text("INVALID_TOKEN")
    windows.picture(page, "playground-replayed-code")


@pytest.mark.parametrize("refreshed", [True, *later(False)])
def test_a_spent_refresh_token_ends_its_family(playground: Playground, page: Page, refreshed: bool) -> None:
    playground.tokens()
    playground.go("refresh")
    if refreshed:
        playground.send()
    expect(playground.attack("The spent token again")).to_contain_text("As it should be: invalid_grant (400)")
    playground.send(FAILED)
    playground.go("attacks")
    expect(playground.attack("Use the access token after that")).to_contain_text("As it should be: INVALID_TOKEN (401)")
    windows.picture(page, "playground-attacks")


def test_a_caller_made_here_is_the_app_in_use_with_its_new_secret(playground: Playground, page: Page) -> None:
    playground.choose("code")
    playground.go("client")
    playground.make("client")
    playground.state()
    playground.on()
    playground.step.locator("[data-send]").click()
    playground.consent()
    playground.on()
    playground.send()
    playground.go("introspect")
    before = playground.step.locator("[name=client_secret]").input_value()
    playground.make("caller")
    expect(playground.step.locator("[name=client_secret]")).not_to_have_value(before)
    for step in ("introspect", "refresh", "revoke"):
        playground.go(step)
        playground.send()


PRIMARY = [
    ("code", "token", "Sign in and consent"),
    ("code", "call", "Tokens"),
    ("code", "refresh", "Tokens"),
    ("machine", "client", "Make one for me"),
    ("machine", "machine", "App"),
    ("jwt", "assertion", "Key pair"),
    ("key", "key", "Make one for me"),
    ("refresh", "refresh", "Code with PKCE"),
    ("code", "authorize", "Use this address"),
]


@pytest.mark.parametrize(("flow", "step", "button"), PRIMARY)
def test_the_primary_button_is_one_that_can_succeed(playground: Playground, flow: str, step: str, button: str) -> None:
    playground.choose(flow)
    playground.go(step)
    expect(playground.step.locator(".btn.primary:visible")).to_have_text([button])


def test_a_step_opened_too_early_leads_to_the_one_before(playground: Playground) -> None:
    playground.choose("key")
    playground.go("call")
    expect(playground.step).to_contain_text("This step needs a credential. First:")
    playground.step.locator("[data-first] button").click()
    playground.send(FAILED)
    expect(playground.step).to_contain_text("Enter a key, or have one made here.")
    playground.make("key")
    expect(playground.step.locator(".btn.primary:visible")).to_have_text(["Use this key"])
    playground.send()
    playground.on()
    expect(playground.step.locator("[data-first]")).to_be_empty()
    playground.send()


@pytest.mark.parametrize(("title", "name"), [("another state", "state"), *later(("another server", "iss"))])
def test_an_answer_that_was_not_asked_for_is_thrown_away(playground: Playground, title: str, name: str) -> None:
    playground.sign_in()
    playground.step.locator("details.wrong summary").click()
    playground.step.locator(".attacks li", has_text=title).locator("button").click()
    playground.state(FAILED)
    expect(playground.step.locator(".note")).to_contain_text(f"{name} is not what it must be")
    expect(playground.step.locator(".note")).to_contain_text("Expected:")


def test_whoever_cancels_is_told_so(playground: Playground) -> None:
    playground.choose("code")
    playground.go("client")
    playground.send()
    playground.on()
    playground.step.locator("[data-send]").click()
    playground.consent("deny")
    playground.state(FAILED)
    expect(playground.step).to_contain_text("access_denied")


def test_the_same_tab_works_where_no_other_may_open(playground: Playground, page: Page) -> None:
    playground.choose("code")
    playground.go("client")
    playground.send()
    playground.on()
    playground.step.locator("[data-send]").click()
    playground.step.locator("[data-here]").click()
    page.locator("[name=action][value=allow]").click()
    page.locator("#step-callback:not([hidden])").wait_for()
    playground.state()
    assert "code=" not in page.url
    playground.on()
    playground.send()
    expect(playground.step).to_contain_text("The signature is good")


def test_a_browser_that_opens_no_tabs_goes_there_itself(playground: Playground, page: Page) -> None:
    page.evaluate("window.open = () => null")
    playground.choose("code")
    playground.go("authorize")
    playground.step.locator("[data-send]").click()
    playground.step.locator("[data-open]").click()
    page.locator("[name=action][value=allow]").click()
    page.locator("#step-callback:not([hidden])").wait_for()
    playground.state()


def test_an_answer_that_nobody_waits_for_says_so(playground: Playground, page: Page) -> None:
    page.goto(page.url.partition("#")[0] + "?code=kaie_ac_x&state=y&iss=z")
    expect(page.locator("[data-said]")).to_contain_text("No playground is waiting")
    assert "code=" not in page.url


def test_an_own_app_comes_back_here_after_one_click(chromium: Chromium, demo: Demo) -> None:
    app = demo.app(
        ALICE, "Postcards", "spa", **{"redirect_uris-0": "http://127.0.0.1:9123/callback"}, scopes=["openid"]
    )
    with chromium.window(demo.cookies(ALICE)) as page:
        page.goto(demo.issuer + "/playground")
        playground = Playground(page)
        playground.go("client")
        playground.step.locator("[name=client_id]").fill(app.client_id)
        playground.send()
        expect(playground.step).to_contain_text("Its redirect URIs do not include")
        playground.step.get_by_role("button", name="Add it").click()
        expect(playground.step).to_contain_text("its redirect URI is registered")
        playground.on()
        expect(playground.step.locator("[name=scope]")).to_have_value("openid")  # all that it has
        playground.step.locator("[data-send]").click()
        playground.consent()
        playground.on()
        playground.send()


def test_the_quickstart_of_an_app_leads_here_with_the_app_filled_in(chromium: Chromium, demo: Demo) -> None:
    app = demo.app(ALICE, "Lamps", "machine", scopes=["workflows:read"])
    with chromium.window(demo.cookies(ALICE)) as page:
        page.goto(f"{demo.issuer}/apps/{app.client_id}/quickstart")
        page.get_by_role("link", name="Open in playground").click()
        playground = Playground(page)
        expect(page.locator("#flow")).to_have_value("machine")
        expect(playground.step.locator("[name=client_id]")).to_have_value(app.client_id)
        playground.step.locator("[name=client_secret]").fill(app.client_secret)
        playground.send()
        playground.on()
        playground.send()


def test_somebody_elses_app_shows_nothing(chromium: Chromium, demo: Demo) -> None:
    app = demo.app(ADMIN, "Not hers", "machine", scopes=["workflows:read"])
    with chromium.window(demo.cookies(ALICE)) as page:
        page.goto(demo.issuer + "/playground")
        playground = Playground(page)
        playground.go("client")
        playground.step.locator("[name=client_id]").fill(app.client_id)
        playground.send()
        expect(playground.step).to_contain_text("None of your apps has this client ID")
        assert "Not hers" not in page.content()


def test_a_link_carries_the_set_up_and_no_secret(playground: Playground, page: Page) -> None:
    playground.choose("machine")
    playground.make("client")
    playground.state()
    page.locator("[data-permalink]").click()
    link = page.locator("[data-permalink]").get_attribute("data-copy") or ""
    assert "flow=machine" in link and "client_id=cl_" in link and "kaie_cs_" not in link
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#flow")).to_have_value("machine")
    expect(playground.step.locator("[name=client_id]")).to_have_value(re.compile("^cl_"))


def test_a_request_is_copied_as_a_program(playground: Playground) -> None:
    playground.choose("machine")
    playground.make("client")
    playground.state()
    playground.on()
    copies = {
        each.get_attribute("data-as"): each.get_attribute("data-copy")
        for each in playground.step.locator("[data-as]").all()
    }
    assert "curl" in copies["curl"] and "grant_type=client_credentials" in copies["curl"]
    assert "requests.request" in copies["python"] and "await fetch" in copies["node"]


def test_without_scripts_the_page_gives_the_lines_for_a_terminal(chromium: Chromium, demo: Demo) -> None:
    with chromium.window(demo.cookies(ALICE), script=False) as page:
        page.goto(demo.issuer + "/playground")
        lines = page.locator("noscript pre")
        expect(lines.nth(1)).to_be_visible()
        assert "curl -s -u" in lines.nth(1).inner_text()
        expect(page.locator("[data-playground]")).to_be_hidden()


# Steps are made of the same pieces, and these two have all of them.
ELSEWHERE = [
    pytest.param(each, marks=pytest.mark.long_screens) for each in ("discovery", "client", "authorize", "introspect")
]


@pytest.mark.parametrize("judge", windows.JUDGES)
@pytest.mark.parametrize("step", ["token", "attacks", *ELSEWHERE])
def test_a_step_is_fit_for_everybody(playground: Playground, page: Page, step: str, judge: Judge) -> None:
    if step == "token":
        playground.tokens()
    else:
        playground.go(step)
    windows.picture(page, f"playground-{step}")
    page.set_viewport_size({"width": windows.PHONE, "height": 900})
    windows.picture(page, f"playground-{step}-phone")
    assert judge(page) == []


# ---- devices, registration, sign-out, MCP


def test_a_device_waits_for_its_person_and_is_slowed_down_when_it_asks_too_early(
    playground: Playground, page: Page
) -> None:
    playground.choose("device")
    playground.send()
    playground.on()
    playground.send()
    expect(playground.step.locator("[data-result]")).to_contain_text("The device shows")
    playground.on()
    windows.picture(page, "playground-device")
    playground.step.locator("[data-send]").click()
    expect(playground.step.locator("[data-result] li").first).to_contain_text("authorization_pending")
    playground.step.locator("[data-hurry]").click()
    expect(playground.step.locator("[data-result] li").last).to_contain_text("slow_down: too early")
    expect(playground.step.locator("[data-result] li").last).to_contain_text("Next in 10 s")
    with page.expect_popup() as opened:
        playground.step.locator("[data-verify]").click()
    person = opened.value
    person.locator("[name=action][value=allow]").click()
    person.locator("text=You can close this window").first.wait_for()
    expect(playground.step.locator("[data-chip]")).to_have_text(DONE, timeout=20_000)
    expect(playground.step.locator(".token").first).to_contain_text("The signature is good: ES256")
    playground.on()
    playground.send()
    playground.go("poll")
    expect(playground.attack("The same code again")).to_contain_text("invalid_grant")
    playground.go("call")
    playground.send(FAILED)  # what a spent code gave has ended with it


def test_an_app_registers_reads_changes_and_removes_itself(chromium: Chromium, demo: Demo) -> None:
    with chromium.window(demo.cookies(ADMIN)) as page:
        page.goto(demo.issuer + "/playground#registration")
        playground = Playground(page)
        playground.send(FAILED)
        playground.make("registration")
        expect(playground.step.locator("[name=initial_access_token]")).not_to_have_value("")
        playground.send()
        expect(playground.step.locator("[data-result]")).to_contain_text("Registered: ")
        expect(playground.step.locator("[data-result]")).not_to_contain_text("kaie_rat_")
        expect(playground.attack("plain http")).to_contain_text("invalid_redirect_uri")
        windows.picture(page, "playground-registration")
        playground.on()
        playground.send()
        expect(playground.attack("Another token")).to_contain_text("As it should be")
        playground.on()
        changes = playground.step.locator("[name=changes]")
        changes.fill(changes.input_value().replace("My playground agent", "Renamed agent"))
        playground.send()
        expect(playground.step.locator("[data-result]")).to_contain_text("Renamed agent")
        expect(playground.attack("Somebody else")).to_contain_text("invalid_client_metadata")
        playground.on()
        playground.send()
        playground.go("read")
        playground.send(FAILED)
        assert page.locator("[name=registration_access_token]").first.get_attribute("type") == "password"


def test_a_sign_out_with_a_hint_is_heard_by_the_apps_receiver(chromium: Chromium, demo: Demo) -> None:
    browser = demo.visitor()
    browser.sign_in(ALICE, demo.passwords[ALICE])
    with chromium.window(browser.wire.cookies()) as page:
        page.goto(demo.issuer + "/playground#logout")
        playground = Playground(page)
        for _ in range(2):
            playground.step.locator("[data-send]").click()
            if playground.step.get_attribute("data-step") == "client":
                playground.state()
                playground.on()
        playground.consent()
        playground.on()
        playground.send()
        playground.on()
        with page.expect_popup() as opened:
            playground.step.locator("[data-sign-out=hint]").click()
        opened.value.wait_for_url("**/login**")
        playground.on()
        playground.send()
        expect(playground.step.locator("[data-result]")).to_contain_text("sid is that of the ID token")
        expect(playground.step.locator(".token")).to_contain_text("The signature is good: RS256")
        windows.picture(page, "playground-logout")


def test_an_mcp_client_finds_its_way_from_a_401_to_a_call(chromium: Chromium, demo: Demo) -> None:
    with chromium.window(demo.cookies(ADMIN)) as page:
        page.goto(demo.issuer + "/playground#mcp")
        playground = Playground(page)
        playground.send()
        expect(playground.step.locator("[data-result]")).to_contain_text("/.well-known/oauth-protected-resource/v1")
        playground.on()
        playground.send()
        playground.on()
        playground.send()
        playground.on()
        playground.make("registration")
        expect(playground.step.locator("[name=initial_access_token]")).not_to_have_value("")
        playground.send()
        playground.on()
        expect(playground.step.locator("[name=resource]")).to_have_value(demo.issuer + "/v1")
        windows.picture(page, "playground-mcp")
        playground.step.locator("[data-send]").click()
        playground.consent()
        playground.on()
        playground.send()
        playground.on()
        playground.send()
        expect(playground.answer()).to_contain_text('"kind": "access_token"')
