"""The permission matrix: every route of the server, and who gets in (security.md 8.1.1 and C32)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from authserver import database
from authserver.domain.access import gateway_routes
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.ground import cache, one_time_links
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import wishes as webhook_wishes
from authserver.edge import csrf
from authserver.errors import NotFound
from authserver.models import AuditHead, SignInSession
from tests.support.browsing import Answer, Browser
from tests.support.served import KINDS
from tests.support.standing import Standing, standing

# Who gets in, beside nobody: anonymous, the owner, another user, an administrator.
OPEN = "anybody"
PERSON = "whoever is signed in"
OWN = "the owner alone"
OWNER_OR_ADMIN = "the owner, and administrators"
ADMIN = "administrators"
MACHINE = "programs, by their own credentials"
GETS_IN = {
    OPEN: {"anonymous", "owner", "stranger", "admin"},
    PERSON: {"owner", "stranger", "admin"},
    OWN: {"owner"},
    OWNER_OR_ADMIN: {"owner", "admin"},
    ADMIN: {"admin"},
}
# Endpoint (of one file, or one view) → who gets in. A route that is in no row fails the first test.
MATRIX = {
    "machine:": MACHINE,
    "static": OPEN,
    "login.": OPEN,
    "logout.": OPEN,
    "signup.": OPEN,
    "password_reset.": OPEN,
    "welcome.": OPEN,
    "this_was_not_me.": OPEN,
    "change_password.": OPEN,
    "refused.": OPEN,
    "kept_form.show": PERSON,
    "icons.svg": OPEN,
    "icons.ico": OPEN,
    "icons.touch": OPEN,
    "logos.show": OPEN,
    "theme.save": OPEN,
    "authorization.": OPEN,
    "consent.": OPEN,
    "device.": PERSON,
    "end_session.": OPEN,
    "check_session.": OPEN,
    "overview.show": PERSON,
    "profile.": PERSON,
    "security.": PERSON,
    "sessions.index": PERSON,
    "sessions.end": OWN,
    "sessions.end_others": PERSON,
    "connected_apps.index": PERSON,
    "connected_apps.confirm": OWN,
    "connected_apps.choose": OWN,
    "connected_apps.narrow": OWN,
    "connected_apps.revoke": OWN,
    "connected_apps.left": PERSON,
    "connected_apps.end_left": PERSON,
    "connected_apps.confirm_all": PERSON,
    "connected_apps.revoke_all": PERSON,
    "apps.index": PERSON,
    "apps_registering.new": PERSON,
    "apps_registering.register": PERSON,
    "apps_registering.paste": PERSON,
    "apps_registering.take_document": PERSON,
    "apps.": OWNER_OR_ADMIN,
    "apps_editing.": OWNER_OR_ADMIN,
    "apps_credentials.": OWNER_OR_ADMIN,
    "apps_danger.": OWNER_OR_ADMIN,
    "apps_transfer.": OWNER_OR_ADMIN,
    "apps_quickstart.": OWNER_OR_ADMIN,
    "api_keys.index": PERSON,
    "api_keys.show": OWNER_OR_ADMIN,
    "api_keys.ask_revoke": OWNER_OR_ADMIN,
    "api_keys.revoke": OWNER_OR_ADMIN,
    "api_keys.": OWN,
    "api_keys_new.": PERSON,
    "webhooks.index": PERSON,
    "webhooks.": OWNER_OR_ADMIN,
    "webhooks_deliveries.": OWNER_OR_ADMIN,
    "webhooks_form.show": PERSON,
    "webhooks_form.create": PERSON,
    "webhooks_form.": OWN,
    "playground.": PERSON,
    "playground.make_registration_token": ADMIN,
    "playground.look_up": OWNER_OR_ADMIN,
    "playground.come_back": OWNER_OR_ADMIN,
    "usage.show": PERSON,
    "usage.remove_samples": ADMIN,
    "usage.": OWNER_OR_ADMIN,
    "errors.index": PERSON,
    "errors.show": OWNER_OR_ADMIN,
    "api_docs.show": OPEN,
    "audit_log.": PERSON,
    "audit_log.export": ADMIN,
    "admin_users.": ADMIN,
    "admin_users_claims.": ADMIN,
    "admin_users_departures.": ADMIN,
    "admin_users_rosters.": ADMIN,
    "admin_clients.": ADMIN,
    "admin_scopes.": ADMIN,
    "admin_resources.": ADMIN,
    "admin_blocked_apps.": ADMIN,
    "admin_registration_tokens.": ADMIN,
    "admin_permissions.": ADMIN,
    "admin_signing_keys.": ADMIN,
    "admin_gateway_routes.": ADMIN,
    "admin_set_aside.": ADMIN,
}
# Routes about something that the matrix has none of: only refusals are tried here.
REFUSALS_ONLY = {
    "admin_resources.ask_delete",
    "admin_resources.delete",
    "admin_resources.edit",
    "admin_resources.save",
    "admin_blocked_apps.block",
    "admin_blocked_apps.unblock",
    "admin_registration_tokens.revoke",
    "admin_set_aside.retry",
    "admin_signing_keys.retire",
    "admin_signing_keys.ask_retire",
    "apps_credentials.ask_revoke",
    "apps_credentials.revoke",
    "apps_danger.restore",
    "apps_transfer.show",
    "apps_transfer.answer",
    "apps_transfer.withdraw",
    "errors.show",
    "kept_form.show",
    "playground.come_back",
    "playground.look_up",
}
# The frame is there over https alone (tests/edge/test_session_state.py), and this server speaks http.
OVER_HTTPS_ALONE = {"check_session."}
ROLES = {
    "anonymous": "",
    "stranger": "mallory@example.test",
    "owner": "alice@example.test",
    "admin": "ada@example.test",
}


def row_of(endpoint: str) -> str | None:
    """The most exact row for an endpoint."""
    fitting = [name for name in MATRIX if endpoint == name or (name[-1] in ".:" and endpoint.startswith(name))]
    return max(fitting, key=len) if fitting else None


@dataclass
class House:
    """The server and a thing of Alice's of every kind."""

    server: Standing
    keys: list[str] = field(default_factory=list)
    webhooks: list[str] = field(default_factory=list)

    def values(self, endpoint: str) -> dict[str, str]:
        """Fresh things of Alice's for the variables of a route."""
        rules = self.server.app.url_map.iter_rules(endpoint)
        return {
            name: self._value(name, endpoint) for name in sorted(next(rule.arguments for rule in rules), reverse=True)
        }

    def _value(self, name: str, endpoint: str) -> str:
        alice = self.server.person(ROLES["owner"])
        if name == "client_id":
            app = self.server.register("Target", owner=alice)
            if endpoint.startswith("connected_apps."):
                app.tokens(self.server.browser(ROLES["owner"]))
            return app.client_id
        if name == "session_id":
            before = self._sessions(alice.id)
            self.server.browser(ROLES["owner"])
            return (self._sessions(alice.id) - before).pop()
        if name == "key_id":
            row, _key = api_keys.create(alice, api_keys.Wish(name="Target", permission="read_only"))
            self.keys.append(row.id)
            if len(self.keys) > 50:
                api_keys.revoke(alice.id, self.keys.pop(0))
            return row.id
        if name == "webhook_id":
            wish = webhook_wishes.Wish("Target", "https://hooks.example.test/in")
            self.webhooks.append(webhook_endpoints.create(alice, wish)[0].id)
            if len(self.webhooks) > 10:
                with contextlib.suppress(NotFound):  # a route under test may have deleted it
                    webhook_endpoints.delete(alice.id, self.webhooks.pop(0))
            return self.webhooks[-1]
        if name == "delivery_id":
            # Variables come in the order of their names made here: the endpoint of this delivery is the newest.
            return webhook_endpoints.test(alice.id, self.webhooks[-1])
        if name == "user_id":
            return self.server.person(f"target{len(self.server.people)}@example.test").id
        if name == "name" and endpoint.startswith("admin_gateway_routes"):
            gateway_routes.save("target", gateway_routes.parse("* /target"))
            return "target"
        if name == "name":
            return "read_only" if endpoint.startswith("admin_permissions") else "workflows:delete"
        return {"ending": "csv", "filename": "css/app.css"}.get(name, "x")

    def _sessions(self, user_id: str) -> set[str]:
        with database.reading() as session:
            return set(session.scalars(select(SignInSession.id).where(SignInSession.user_id == user_id)))


@pytest.fixture(scope="module", params=KINDS)
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    with standing(
        request.param, smtp_url="smtp://127.0.0.1:9", mail_from="auth@example.test", playground="on"
    ) as server:
        for role, email in ROLES.items():
            if email:
                server.person(email, "admin" if role == "admin" else "user")
        yield House(server)


def routes(app: Flask) -> list[tuple[str, str]]:
    """Every endpoint of people with each of its methods."""
    return sorted(
        (rule.endpoint, method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if MATRIX[row_of(rule.endpoint) or "machine:"] != MACHINE
    )


def ask(house: House, browser: Browser, endpoint: str, method: str, values: dict[str, str]) -> Answer:
    """Request a route with what its form would send at least: a good token."""
    app = house.server.app
    cookie = "; ".join(f"{name}={value}" for name, value in browser.wire.cookies().items())
    with app.test_request_context("/", base_url=house.server.issuer, headers={"Cookie": cookie} if cookie else {}):
        path = app.url_for(endpoint, **values)
        token = csrf.token(endpoint)
    if method == "GET":
        return browser.get(path)
    return browser.send("POST", urlsplit(path).path, {"csrf_token": token})


def outcome(answer: Answer) -> str:
    assert answer.status < 500, (answer.status, answer.url, answer.text[-2000:])
    if answer.status == 303 and "/login" in answer.location and "/login/confirm" not in answer.location:
        return "sign in"
    return "nothing here" if answer.status in (403, 404) else "in"


def head() -> int:
    with database.reading() as session:
        return int(session.scalars(select(AuditHead.seq)).one())


def test_every_route_is_in_the_matrix_and_every_row_has_a_route(house: House) -> None:
    endpoints = {rule.endpoint for rule in house.server.app.url_map.iter_rules()}
    assert not [each for each in endpoints if row_of(each) is None]
    assert set(MATRIX) - {row_of(each) for each in endpoints} == OVER_HTTPS_ALONE


@pytest.mark.parametrize("house", KINDS[:1], indirect=True)  # no row decides
def test_nobody_gets_in_where_the_matrix_does_not_say_so(house: House) -> None:
    wrong: list[str] = []
    people = {role: house.server.browser(email) for role, email in ROLES.items()}
    people["anonymous"].get("/login")  # forms are bound to a browser, so it needs its mark
    for endpoint, method in routes(house.server.app):
        row = MATRIX[row_of(endpoint) or ""]
        values = house.values(endpoint)
        for role in ("anonymous", "stranger", "owner", "admin"):
            if row == OPEN or role in GETS_IN[row]:
                continue
            before = head()
            got = outcome(ask(house, people[role], endpoint, method, values))
            wanted = "sign in" if role == "anonymous" else "nothing here"
            if got != wanted or head() != before:
                wrong.append(f"{method} {endpoint} as {role}: {got}, not {wanted}; {head() - before} events")
    assert not wrong, "\n".join(wrong)


# A route may have ended the session that asked, and of a person's many sessions the oldest end by themselves: who is
# sent to sign in does so, and asks again. To sign in for each of the routes takes three times as long as to ask them.
@pytest.mark.parametrize("house", KINDS[:1], indirect=True)  # no row decides
def test_whoever_the_matrix_names_gets_in(house: House) -> None:
    wrong: list[str] = []
    people = {role: house.server.browser(email) for role, email in ROLES.items()}
    for endpoint, method in routes(house.server.app):
        row = MATRIX[row_of(endpoint) or ""]
        if row == OPEN or endpoint in REFUSALS_ONLY:
            continue
        for role in sorted(GETS_IN[row]):
            values = house.values(endpoint)
            got = outcome(ask(house, people[role], endpoint, method, values))
            if got == "sign in":
                people[role] = house.server.browser(ROLES[role])
                got = outcome(ask(house, people[role], endpoint, method, values))
            if got != "in":
                wrong.append(f"{method} {endpoint} as {role}: {got}")
    assert not wrong, "\n".join(wrong)


def test_open_routes_ask_nobody_to_sign_in_before_they_show_what_they_are(house: House) -> None:
    for endpoint, method in routes(house.server.app):
        if MATRIX[row_of(endpoint) or ""] == OPEN and not endpoint.startswith(("authorization.", "consent.")):
            answer = ask(house, house.server.browser(), endpoint, method, house.values(endpoint))
            assert answer.status < 500, (endpoint, answer.status)


def test_no_route_of_people_accepts_a_credential_of_programs(house: House) -> None:
    """API keys and tokens are for programs: a page takes a session or nothing."""
    app = house.server.register("Bearer")
    token = app.tokens(house.server.browser(ROLES["admin"]))["access_token"]
    anonymous = house.server.browser()
    for endpoint, method in routes(house.server.app):
        if MATRIX[row_of(endpoint) or ""] in (OPEN,) or method != "GET":
            continue
        with house.server.app.test_request_context("/", base_url=house.server.issuer):
            path = house.server.app.url_for(endpoint, **house.values(endpoint))
        assert outcome(anonymous.get(path, Authorization=f"Bearer {token}")) == "sign in", endpoint


@pytest.mark.parametrize("field", ["owner_id", "role", "is_admin", "skip_consent", "introspect_all",
                                   "resource_server_for", "require_pkce", "client_id", "self_registered",
                                   "tokens_not_before"])  # fmt: skip
def test_no_extra_field_gives_an_app_what_its_owner_may_not_give(house: House, field: str) -> None:
    """Mass assignment (8.2.3): what the form does not offer is ignored."""
    from authserver.domain.clients import clients

    alice = house.server.person(ROLES["owner"])
    app = house.server.register("Mine", owner=alice)
    browser = house.server.browser(ROLES["owner"])
    before = clients.get(app.client_id)
    form = browser.open(f"/apps/{app.client_id}/edit").form(f"/apps/{app.client_id}/edit")
    pairs = [pair for pair in form.filled() if pair[0] != field] + [(field, "1"), (field, "admin")]
    answer = browser.send("POST", form.action, pairs)
    assert answer.status < 500
    cache.reset()
    after = clients.get(app.client_id)
    for name in ("id", "owner_id", "skip_consent", "introspect_all", "resource_server_for", "require_pkce",
                 "self_registered", "tokens_not_before"):  # fmt: skip
        assert getattr(after, name) == getattr(before, name), name


def test_a_one_time_link_of_one_purpose_serves_no_other(house: House) -> None:
    assert one_time_links.__doc__
    browser = house.server.browser()
    for path in ("/welcome/", "/password/reset/", "/this-was-not-me/"):
        answer = browser.get(path + urlencode({"x": "y"}))
        assert answer.status in (404, 410, 400), (path, answer.status)
