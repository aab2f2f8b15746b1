"""Every screen of the product, in the states that people meet: where it is, who sees it, and how one gets there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.browser import crowded

Act = Callable[[Page], object]


@dataclass(frozen=True)
class Screen:
    """A page and what one does on it. `path` holds names of the stage.

    Another state of a screen that is named here is the same view with the same pieces: `make screens` looks at it.
    """

    name: str
    path: str
    act: Act | None = None
    state_of: str = ""


def press(button: str, **fields: Any) -> Act:
    """Fill in fields by name, then press a button by its words."""

    def act(page: Page) -> None:
        for name, value in fields.items():
            page.locator(f"main [name='{name}']:visible").last.fill(value)
        page.locator("main").get_by_role("button", name=button, exact=True).last.click()

    return act


def without_a_tick(then: Act) -> Act:
    """Every box unticked first."""

    def act(page: Page) -> None:
        for box in page.locator("main input[type=checkbox]").all():
            box.uncheck()
        then(page)

    return act


def switched_on(then: Act) -> Act:
    """Screens come in any order, and one of them pauses the webhook: switch it on first, where it is off."""

    def act(page: Page) -> None:
        off = page.locator("main").get_by_role("button", name="Switch on", exact=True)
        if off.count():
            off.first.click()
        then(page)

    return act


def tick(*values: str, button: str, **fields: Any) -> Act:
    """Tick boxes or radios by value first."""

    def act(page: Page) -> None:
        for value in values:
            page.locator(f"main input[value='{value}']").first.check()
        press(button, **fields)(page)

    return act


def chosen(value: str, button: str) -> Act:
    """Choose from the one list of the page; a script may send the form at once."""

    def act(page: Page) -> None:
        page.locator("main select").first.select_option(value)
        page.wait_for_load_state()
        if value not in page.url:
            press(button)(page)

    return act


def throttled(page: Page) -> None:
    """Too many wrong passwords for a name that nobody has."""
    for _ in range(11):
        press("Sign in", email="nobody.at.all@demo.test", password="wrong")(page)
        if page.get_by_text("Too many attempts").count():
            return


def opened(page: Page) -> None:
    """Everything that is folded away."""
    page.evaluate("document.querySelectorAll('main details:not(.menu)').forEach(each => { each.open = true; })")


def menu(page: Page) -> None:
    """The last pop-up of a table: the others lie below the first."""
    page.locator("main .menu summary").last.click()


def drawer(page: Page) -> None:
    """The menu of a phone."""
    page.set_viewport_size({"width": 375, "height": 900})
    page.locator(".drawer summary").click()


def shortcuts(page: Page) -> None:
    """The list that "?" opens."""
    page.keyboard.press("?")
    page.locator("#shortcuts").wait_for()


def reloaded(page: Page) -> None:
    """A form that is sent, and then sent once more."""
    press("Create key", name="Twice")(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()


def answered(page: Page) -> None:
    """A consent that is answered in another tab first."""
    other = page.context.new_page()
    other.route("https://notes.example.com/**", lambda route: route.fulfill(body="Acme Notes"))
    other.goto(page.url)
    other.get_by_role("button", name="Cancel").click()
    other.close()
    page.get_by_role("button", name="Cancel").click()


def device_asks(page: Page) -> None:
    """A device asks, and its code is typed."""
    client_id, site = page.url.rpartition("=")[2], page.url.partition("/device")[0]
    said = page.request.post(
        site + "/oauth/device_authorization", form={"client_id": client_id, "scope": "openid"}
    ).json()
    press("Continue", user_code=said["user_code"])(page)


def device_allowed(page: Page) -> None:
    """And allowed."""
    device_asks(page)
    page.get_by_role("button", name="Allow").click()


def signed_out_in_frames(page: Page) -> None:
    """Bob uses an app that signs out in a frame, and then signs out; the page stays where else it would move on."""
    site = page.url.partition("/login")[0]
    page.context.route("https://notes.example.com/**", lambda route: route.fulfill(body="Forum"))
    press("Sign in", email="bob.stone@demo.test", password="a walk along the river bank")(page)
    page.route("**/oauth/authorize/consent", _arriving)
    page.get_by_role("button", name="Allow").click()
    page.get_by_text("Forum", exact=True).wait_for()
    page.goto(site + "/logout")
    page.route("**/logout", _staying)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("Apps that you used are being told.").wait_for()


def _arriving(route: Route) -> None:
    route.fetch(max_redirects=0)
    route.fulfill(body="Forum")


def _staying(route: Route) -> None:
    answer = route.fetch(max_redirects=0)
    headers = {name: value for name, value in answer.headers.items() if name != "refresh"}
    route.fulfill(response=answer, headers=headers)


def nothing_ticked(page: Page) -> None:
    """An app that asked only for what one may leave out."""
    for each in page.locator("main input[name=scope]").all():
        each.uncheck()
    page.get_by_role("button", name="Allow").click()


PUBLIC = (
    Screen("login", "/login"),
    Screen("login-empty", "/login", press("Sign in"), state_of="login-wrong"),
    Screen("login-wrong", "/login", press("Sign in", email="alice@demo.test", password="not it")),
    Screen("login-throttled", "/login", throttled, state_of="login-wrong"),
    Screen(
        "login-disabled",
        "/login",
        press("Sign in", email="gus.gone@demo.test", password="a walk along the river bank"),
        state_of="login-wrong",
    ),
    Screen("login-busy", "/login", crowded.signing_in, state_of="login-wrong"),
    Screen("pages-busy", "/login", crowded.asking_for_pages),
    Screen("login-for-app", "{authorize}"),
    Screen("login-expired", "/login?request=gone", state_of="login"),
    Screen("reset", "/password/reset"),
    Screen("reset-empty", "/password/reset", press("Send link"), state_of="reset"),
    Screen("reset-sent", "/password/reset", press("Send link", email="nobody@demo.test")),
    Screen("reset-choose", "{reset}"),
    Screen("reset-weak", "{reset}", press("Set password", new_password="12345678")),
    Screen("dead-link", "/welcome/nonsense"),
    Screen("welcome", "{welcome}"),
    Screen("welcome-short", "{welcome}", press("Set password and sign in", new_password="x"), state_of="welcome"),
    Screen("signup", "/signup"),
    Screen("signup-empty", "/signup", press("Create account"), state_of="signup"),
    Screen("signup-sent", "/signup", press("Create account", name="Zoe", email="zoe@demo.test")),
    Screen("logout-frames", "{authorize_forum}", signed_out_in_frames),
    Screen("logout-asked-signed-out", "/oauth/logout?client_id={app}&post_logout_redirect_uri=https://evil.example/"),
    Screen("demo-mail", "/demo/mail"),
    Screen("demo-mail-text", "/demo/mail?view=text", state_of="demo-mail"),
    Screen("demo-mail-source", "/demo/mail?view=source", state_of="demo-mail"),
    Screen("demo-webhook-inbox", "/demo/webhook-inbox", opened),
    Screen("not-found", "/no/such/page"),
    Screen("bad-redirect", "{authorize_bad}", opened),
)

PERSON = (
    Screen("overview", "/"),
    Screen("overview-drawer", "/", drawer),
    Screen("shortcuts", "/", shortcuts),
    Screen("apps", "/apps"),
    Screen("apps-none-fit", "/apps?q=zzz", state_of="apps"),
    Screen("apps-deleted", "/apps?status=deleted", state_of="apps"),
    Screen("app-kinds", "/apps/new"),
    Screen("app-new-web", "/apps/new?kind=web", opened),
    Screen("app-new-spa", "/apps/new?kind=spa", state_of="app-new-web"),
    Screen("app-new-native", "/apps/new?kind=native", state_of="app-new-web"),
    Screen("app-new-device", "/apps/new?kind=device", opened, state_of="app-new-web"),
    Screen("app-new-machine", "/apps/new?kind=machine", state_of="app-new-web"),
    Screen("app-new-errors", "/apps/new?kind=web",
           press("Register app", name="", homepage="nowhere", **{"redirect_uris-0": "http://app.example/callback"})),
    Screen("app-created", "/apps/new?kind=web",
           press("Register app", name="Fresh", **{"redirect_uris-0": "https://fresh.example/callback"})),
    Screen("app-created-public", "/apps/new?kind=spa",
           press("Register app", name="Fresh page", **{"redirect_uris-0": "https://fresh.example/callback"}),
           state_of="app-created"),
    Screen("app-import", "/apps/import", opened),
    Screen("app-import-errors", "/apps/import", press("Register app", metadata="{"), state_of="app-import"),
    Screen("app", "/apps/{app}"),
    Screen("app-machine", "/apps/{machine}", state_of="app"),
    Screen("app-disabled", "/apps/{disabled}", state_of="app"),
    Screen("app-edit", "/apps/{app}/edit", opened),
    Screen("app-edit-errors", "/apps/{app}/edit", press("Save", name=""), state_of="app-edit"),
    Screen("app-credentials", "/apps/{app}/credentials"),
    Screen("app-credentials-public", "/apps/{native}/credentials", state_of="app-credentials"),
    Screen("app-credentials-two", "/apps/{rotating}/credentials"),
    Screen("app-rotate", "/apps/{app}/secrets/rotate"),
    Screen("app-rotate-open", "/apps/{rotating}/secrets/rotate", press("Rotate secret"), state_of="app-rotate"),
    Screen("app-rotated", "/apps/{machine}/secrets/rotate", tick("now", button="Rotate secret")),
    Screen("app-end-secret", "/apps/{rotating}/secrets/{old_secret}/revoke"),
    Screen("app-scopes", "/apps/{app}/scopes"),
    Screen("app-scopes-machine", "/apps/{machine}/scopes", state_of="app-scopes"),
    Screen("app-quickstart", "/apps/{app}/quickstart"),
    Screen("app-quickstart-machine", "/apps/{machine}/quickstart", state_of="app-quickstart"),
    Screen("app-activity", "/apps/{app}/activity"),
    Screen("app-danger", "/apps/{app}/danger"),
    Screen("app-disable", "/apps/{app}/disable"),
    Screen("app-end-tokens", "/apps/{app}/revoke-tokens"),
    Screen("app-delete", "/apps/{app}/delete"),
    Screen("keys", "/settings/api-keys"),
    Screen("keys-menu", "/settings/api-keys", menu),
    Screen("keys-none-fit", "/settings/api-keys?status=expired", state_of="keys"),
    Screen("key-new", "/settings/api-keys/new", opened),
    Screen("key-new-full", "/settings/api-keys/new?permission=full_access&expires=never", state_of="key-new"),
    Screen("key-new-errors", "/settings/api-keys/new?expires=never&rate_limit=fast&allowed_networks-0=10.0.0.0/33",
           press("Create key")),
    Screen("key-created", "/settings/api-keys/new", press("Create key", name="Fresh")),
    Screen("key-already-shown", "/settings/api-keys/new", reloaded),
    Screen("key", "/settings/api-keys/{key}"),
    Screen("key-rotated-away", "/settings/api-keys/{rotated}", state_of="key"),
    Screen("key-revoked", "/settings/api-keys/{revoked}", state_of="key"),
    Screen("key-rotate", "/settings/api-keys/{key}/rotate"),
    Screen("key-rotate-no", "/settings/api-keys/{rotated}/rotate", state_of="key-rotate"),
    Screen("key-rotated", "/settings/api-keys/{spare}/rotate", press("Rotate key")),
    Screen("key-revoke", "/settings/api-keys/{key}/revoke"),
    Screen("webhooks", "/webhooks"),
    Screen("webhook-new", "/webhooks/new"),
    Screen("webhook-new-open", "/webhooks/new", tick("some", button="Send test event", name="A", url="https://10.0.0.8/")),
    Screen("webhook-new-errors", "/webhooks/new", tick("some", button="Add webhook", url="http://x"),
           state_of="webhook-new-open"),
    Screen("webhook-created", "/webhooks/new", press("Add webhook", name="Fresh", url="http://127.0.0.1:9/")),
    Screen("webhook", "/webhooks/{off_hook}", opened),
    Screen("webhook-edit", "/webhooks/{off_hook}/edit", opened),
    Screen("webhook-tested", "/webhooks/{off_hook}", switched_on(press("Send test event"))),
    Screen("webhook-rolled", "/webhooks/{off_hook}/roll", press("Roll secret")),
    Screen("webhook-two-secrets", "/webhooks/{off_hook}", state_of="webhook"),
    Screen("webhook-delete", "/webhooks/{off_hook}/delete"),
    Screen("webhook-paused", "/webhooks/{off_hook}", switched_on(press("Pause")), state_of="webhook-tested"),
    Screen("errors", "/errors"),
    Screen("error-in-known-software", "/errors/{unprotected}"),
    Screen("error-to-be-chosen", "/errors/{misled}", state_of="error-in-known-software"),
    Screen("error-with-chosen-software", "/errors/{misled}", chosen("oauth2-proxy", "Show")),
    Screen("error-fixed", "/apps/{app}/edit?fix={misled}"),
    Screen("api-docs", "/docs"),
    Screen("usage", "/usage"),
    Screen("playground", "/playground"),
    Screen("audit", "/audit"),
    Screen("audit-none-fit", "/audit?about=zzzz", state_of="audit"),
    Screen("connected", "/connected-apps"),
    Screen("connected-change", "/connected-apps/{app}/change"),
    Screen("connected-change-nothing", "/connected-apps/{app}/change", without_a_tick(press("Save")),
           state_of="connected-change"),
    Screen("connected-revoke", "/connected-apps/{app}/revoke"),
    Screen("connected-left", "/connected-apps/made"),
    Screen("connected-revoke-all", "/connected-apps/revoke-all"),
    Screen("sessions", "/settings/sessions"),
    Screen("security", "/settings/security"),
    Screen("security-errors", "/settings/security", press("Change password")),
    Screen("security-weak", "/settings/security",
           press("Change password", current_password="thistle-violet-harbour-62", new_password="alice"),
           state_of="security-errors"),
    Screen("profile", "/settings/profile"),
    Screen("logout", "/logout"),
    Screen("logout-asked", "/oauth/logout?client_id={app}&post_logout_redirect_uri=https://notes.example.com/goodbye"),
    Screen("logout-asked-wrong", "/oauth/logout?client_id={app}&post_logout_redirect_uri=https://evil.example/",
           state_of="logout-asked"),
    Screen("again", "/login/confirm?next=/apps"),
    Screen("consent", "{authorize}&prompt=consent", opened),
    Screen("consent-native", "{authorize_native}", state_of="consent"),
    Screen("consent-bare", "{authorize_bare}", state_of="consent"),
    Screen("consent-account", "{authorize}&prompt=select_account", state_of="consent"),
    Screen("consent-closed", "{authorize}&prompt=consent", answered),
    Screen("device", "/device"),
    Screen("device-wrong", "/device", press("Continue", user_code="BCDF-GHJK"), state_of="device"),
    Screen("device-question", "/device?app={television}", device_asks),
    Screen("device-allowed", "/device?app={television}", device_allowed),
    Screen("not-found-signed-in", "/admin/users"),
)  # fmt: skip

NEWCOMER = (
    Screen("empty-overview", "/"),
    Screen("empty-apps", "/apps"),
    Screen("empty-keys", "/settings/api-keys", state_of="keys"),
    Screen("empty-webhooks", "/webhooks", state_of="webhooks"),
    Screen("empty-audit", "/audit", state_of="audit"),
    Screen("empty-connected", "/connected-apps", state_of="connected"),
    Screen("empty-sessions", "/settings/sessions", state_of="sessions"),
    Screen("consent-first", "{authorize}", state_of="consent"),
)

ADMIN = (
    Screen("admin-overview", "/"),
    Screen("admin-users", "/admin/users"),
    Screen("admin-users-none-fit", "/admin/users?q=zzzz", state_of="admin-users"),
    Screen(
        "admin-users-import",
        "/admin/users/import",
        press("See what would happen", people="email,name\ncarol@demo.test,Carol\nalice@demo.test,Alice\n"),
    ),
    Screen(
        "admin-users-import-errors",
        "/admin/users/import",
        press("See what would happen", people="email\nnobody"),
        state_of="admin-users-import",
    ),
    Screen("admin-user-new", "/admin/users/new"),
    Screen("admin-user-new-errors", "/admin/users/new", press("Create user", email="nobody")),
    Screen("admin-user-created", "/admin/users/new", press("Create user", email="una@demo.test", name="Una")),
    Screen("admin-user", "/admin/users/{user}"),
    Screen("admin-user-claims", "/admin/users/{user}/claims"),
    Screen(
        "admin-user-claims-errors",
        "/admin/users/{user}/claims",
        press("Save", birthdate="yesterday"),
        state_of="admin-user-claims",
    ),
    Screen(
        "admin-user-taken", "/admin/users/{user}", press("Change email", email="alice@demo.test"), state_of="admin-user"
    ),
    Screen("admin-user-disabled", "/admin/users/{gone_user}", state_of="admin-user"),
    Screen("admin-user-invited", "/admin/users/{invited}", state_of="admin-user"),
    Screen("admin-user-disable", "/admin/users/{user}/disable"),
    Screen("admin-users-deleted", "/admin/users?state=deleted", state_of="admin-users"),
    Screen("admin-user-deleted", "/admin/users/{deleted_user}"),
    Screen("admin-user-delete", "/admin/users/{user}/delete"),
    Screen("admin-user-delete-owner", "/admin/users/{owner}/delete", state_of="admin-user-delete"),
    Screen(
        "admin-user-delete-errors",
        "/admin/users/{owner}/delete",
        tick("transfer", button="Delete account", heir="nobody@demo.test", confirm_name="alice@demo.test"),
    ),
    Screen(
        "admin-user-delete-two-ways",
        "/admin/users/{owner}/delete",
        tick("end", button="Delete account", heir="bob@demo.test", confirm_name="alice@demo.test"),
        state_of="admin-user-delete-errors",
    ),
    Screen("admin-user-link", "/admin/users/{user}/link"),
    Screen("admin-apps", "/admin/clients"),
    Screen("admin-app-new-api", "/apps/new?kind=resource_server", opened, state_of="app-new-web"),
    Screen("admin-app-danger", "/apps/{app}/danger", state_of="app-danger"),
    Screen("admin-keys", "/settings/api-keys?whose=all", state_of="keys"),
    Screen("admin-webhooks", "/webhooks?whose=all", state_of="webhooks"),
    Screen("admin-webhook", "/webhooks/{hook}", opened, state_of="webhook"),
    Screen("admin-webhook-deliveries", "/webhooks/{hook}/deliveries"),
    Screen("admin-webhook-none-fit", "/webhooks/{hook}/deliveries?state=failed", state_of="admin-webhook-deliveries"),
    Screen("admin-webhook-delivery", "/webhooks/{hook}/deliveries/{delivery}", opened),
    Screen("admin-webhook-verify", "/webhooks/{hook}/verify", opened),
    Screen(
        "admin-webhook-not-ours",
        "/webhooks/{hook}/verify",
        press("Verify", payload="{}", signature="sha256=0"),
        state_of="admin-webhook-verify",
    ),
    Screen("admin-webhook-roll", "/webhooks/{hook}/roll", state_of="webhook-rolled"),
    Screen("admin-audit", "/audit", state_of="audit"),
    Screen("admin-scopes", "/admin/scopes"),
    Screen("admin-scope-new", "/admin/scopes/new"),
    Screen(
        "admin-scope-new-errors",
        "/admin/scopes/new",
        press("Add scope", name="no spaces here"),
        state_of="admin-scope-new",
    ),
    Screen("admin-scope", "/admin/scopes/workflows:read/edit"),
    Screen("admin-scope-delete", "/admin/scopes/workflows:read/delete"),
    Screen("admin-apis", "/admin/resources"),
    Screen("admin-api-new", "/admin/resources/new"),
    Screen("admin-api-new-errors", "/admin/resources/new", press("Add API", identifier="x"), state_of="admin-api-new"),
    Screen("admin-api", "/admin/resources/edit?identifier={demo.issuer}/demo/v1"),
    Screen("admin-registration-tokens", "/admin/registration-tokens"),
    Screen("admin-registration-token-new", "/admin/registration-tokens/new"),
    Screen(
        "admin-registration-token-new-errors",
        "/admin/registration-tokens/new",
        press("Make token", uses="0"),
        state_of="admin-registration-token-new",
    ),
    Screen("admin-registration-token-made", "/admin/registration-tokens/new", press("Make token", uses="3")),
    Screen("admin-set-aside", "/admin/set-aside"),
    Screen("admin-self-registered", "/admin/blocked-apps"),
    Screen(
        "admin-self-registered-errors", "/admin/blocked-apps", press("Block", what=""), state_of="admin-self-registered"
    ),
    Screen("admin-self-registered-block", "/admin/blocked-apps?kind=name&what=Notes", state_of="admin-self-registered"),
    Screen("admin-levels", "/admin/permissions"),
    Screen("admin-level", "/admin/permissions/read_only"),
    Screen("admin-routes", "/admin/gateway-routes"),
    Screen("admin-routes-new", "/admin/gateway-routes/new"),
    Screen(
        "admin-routes-new-errors",
        "/admin/gateway-routes/new",
        press("Add table", name="any", rules="GET /a"),
        state_of="admin-routes-new",
    ),
    Screen("admin-routes-added", "/admin/gateway-routes/new", press("Add table", name="orders", rules="GET /a")),
    Screen("admin-routes-edit", "/admin/gateway-routes/{table}/edit"),
    Screen("admin-routes-delete", "/admin/gateway-routes/{table}/delete"),
    Screen("admin-signing-keys", "/admin/signing-keys"),
    Screen("admin-signing-rotate", "/admin/signing-keys/rotate"),
    Screen("admin-signing-retire", "/admin/signing-keys/{kid}/retire"),
)

EVERY = (*PUBLIC, *PERSON, *NEWCOMER, *ADMIN)


def cases(screens: tuple[Screen, ...]) -> list[Any]:
    """Parameters of a test of these screens: the core has each once, its other states are in the long set."""
    states = {True: [pytest.mark.long_screens], False: []}
    return [pytest.param(each, id=each.name, marks=states[bool(each.state_of)]) for each in screens]
