"""From the form that registers an app to the moment everything of it is dead, over real HTTP (the main job)."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from authserver.lib import jwt
from tests.support.browsing import Browser, OverHttp
from tests.support.served import Served
from tests.support.third_party import App

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("faults_before")]
SOON = 1.0


def on_every_worker(app: App, question: Any, times: int = 12) -> bool:
    """Ask over fresh connections, which the kernel spreads over the workers."""
    answers = []
    for _ in range(times):
        app.wire = OverHttp()
        answers.append(bool(question()))
    return all(answers)


def registered_by_form(browser: Browser, issuer: str, name: str, redirect_uri: str) -> App:
    """A person clicks an app together, without JavaScript."""
    page = browser.open("/apps/new?kind=web")
    form = page.form("/apps/new")
    fields: dict[str, Any] = {"name": name}
    if "kind" in form.names:
        fields["kind"] = "web"
    rows = [each for each in form.names if each.startswith("redirect_uris")]
    fields[rows[0]] = redirect_uri
    scopes = [each for each in form.names if each == "scopes"]
    if scopes:
        fields["scopes"] = ["openid", "email", "workflows:read"]
    answer = browser.follow(browser.submit(form, **fields))
    assert answer.status == 200, (answer.status, answer.text[:4000])
    secret = re.search(r"kaie_cs_[0-9A-Za-z]{36}", answer.text)
    client_id = re.search(r"\bcl_[0-9A-Za-z]{20}\b", answer.text)
    assert secret and client_id, answer.text[:6000]
    return App(issuer, OverHttp(), client_id[0], secret[0], redirect_uri=redirect_uri)


def test_the_whole_life_of_an_app(served: Served) -> None:
    owner = served.browser("owner@example.test")
    app = registered_by_form(owner, served.issuer, "Journal", "https://journal.example.test/cb")
    app.scope = "openid email workflows:read"

    # The secret was shown once: neither a reload nor any page shows it again.
    for path in (f"/apps/{app.client_id}", f"/apps/{app.client_id}/credentials", f"/apps/{app.client_id}/edit"):
        assert app.client_secret not in owner.open(path).text

    # Somebody who is not signed in comes from the app, signs in, consents, and goes back with a code.
    served.user("visitor@example.test")
    visitor = served.browser()
    asked = app.ask()
    login = visitor.open(asked.url)
    consent = visitor.follow(
        visitor.submit(login.form("/login"), email="visitor@example.test", password="a walk along the river bank")
    )
    assert "Journal" in consent.text and "journal.example.test" in consent.text
    back = visitor.submit(consent.form("/oauth/authorize/consent"), action="allow").parameters
    assert back["state"] == asked.state and back["iss"] == served.issuer
    tokens = app.redeem(back["code"], asked.verifier).json
    claims = jwt.peek_claims(tokens["access_token"])
    assert claims["sub"] == served.user("visitor@example.test") and claims["client_id"] == app.client_id
    assert app.userinfo(tokens["access_token"]).json["email"] == "visitor@example.test"

    # The API that it calls asks us about the token.
    api = served.app("Workflows API", "--introspect-all", "--grant", "client_credentials", "--scope", "workflows:read")
    told = api.introspect(tokens["access_token"])
    assert told["active"] and told["scope"] == tokens["scope"] and told["username"] == "visitor@example.test"

    renewed = app.refresh(tokens["refresh_token"]).json
    assert api.introspect(tokens["refresh_token"]) == {"active": False}
    assert api.is_active(renewed["access_token"])

    # A second visit asks nothing: what was allowed is remembered.
    assert "code" in visitor.open(app.ask().url).parameters

    # The visitor takes it back under Connected apps.
    confirm = visitor.open(f"/connected-apps/{app.client_id}/revoke")
    done = visitor.follow(visitor.submit(confirm.form("/revoke")))
    assert done.status == 200
    for name in ("access_token", "refresh_token"):
        assert on_every_worker(api, lambda name=name: not api.is_active(renewed[name])), name
        assert on_every_worker(api, lambda name=name: not api.is_active(tokens[name])), name
    assert app.refresh(renewed["refresh_token"]).error == (400, "invalid_grant")
    assert app.userinfo(renewed["access_token"]).status == 401
    assert visitor.open(app.ask().url).url.startswith(served.issuer + "/oauth/authorize/consent")


def test_a_machine_lives_until_its_owner_stops_it(served: Served) -> None:
    owner, job = served.browser("owner@example.test"), served.machine("Nightly", "--owner", "owner@example.test")
    token = job.client_credentials(scope="workflows:read").json
    assert token["scope"] == "workflows:read" and "refresh_token" not in token
    assert job.is_active(token["access_token"])
    owner.fill(f"/apps/{job.client_id}/disable", "/disable")
    time.sleep(SOON)
    assert on_every_worker(job, lambda: job.client_credentials().error == (401, "invalid_client"))
    served.cli("client", "enable", job.client_id)
    time.sleep(SOON)
    assert on_every_worker(job, lambda: job.client_credentials().status == 200)


def test_opaque_tokens_say_nothing_by_themselves_and_live_as_long_as_signed_ones(served: Served) -> None:
    app = served.app("Opaque", "--access-token-format", "opaque")
    tokens = app.tokens(served.browser("alice@example.test"))
    assert tokens["access_token"].startswith("kaie_at_") and "." not in tokens["access_token"]
    told = app.introspect(tokens["access_token"])
    assert told["active"] and told["client_id"] == app.client_id and told["sub"] == served.user("alice@example.test")
    assert app.userinfo(tokens["access_token"]).status == 200
    assert app.revoke(tokens["access_token"], token_type_hint="refresh_token").status == 200
    assert on_every_worker(app, lambda: not app.is_active(tokens["access_token"]))
    assert app.is_active(tokens["refresh_token"])


def test_a_revoked_signed_token_is_dead_on_every_worker_at_once(served: Served) -> None:
    app = served.app("Signed")
    tokens = app.tokens(served.browser("alice@example.test"))
    assert on_every_worker(app, lambda: app.is_active(tokens["access_token"]))
    assert app.revoke(tokens["access_token"]).status == 200
    assert on_every_worker(app, lambda: app.introspect(tokens["access_token"]) == {"active": False})
    assert on_every_worker(app, lambda: app.userinfo(tokens["access_token"]).status == 401)
    assert app.refresh(tokens["refresh_token"]).status == 200


def test_an_api_key_is_known_to_those_who_may_ask_and_dies_when_revoked(served: Served) -> None:
    served.user("keeper@example.test")
    made = served.cli("key", "create", "--owner", "keeper@example.test", "--name", "CI", "--permission", "read_write")
    trusted = served.app("Gateway", "--introspect-all", "--grant", "client_credentials", "--scope", "workflows:read")
    told = trusted.introspect(made["key"])
    assert told["active"] and told["credential"] == "api_key" and told["permission"] == "read_write"
    assert set(told["scope"].split()) == {"workflows:read", "analytics:read", "workflows:write", "triggers:write",
                                          "integrations:write"}  # fmt: skip
    other = served.machine("Nosy")
    assert other.introspect(made["key"]) == {"active": False}
    served.cli("key", "revoke", made["id"])
    assert on_every_worker(trusted, lambda: trusted.introspect(made["key"]) == {"active": False})


def test_a_disabled_person_stops_everywhere_within_a_second(served: Served) -> None:
    email = "leaver@example.test"
    browser = served.browser(email)
    app = served.app("Left behind")
    tokens = app.tokens(browser)
    waiting, asked = app.code(browser)
    key = served.cli("key", "create", "--owner", email, "--name", "CI", "--permission", "read_only")["key"]
    trusted = served.app("Gateway", "--introspect-all", "--grant", "client_credentials", "--scope", "workflows:read")
    assert trusted.is_active(key)

    served.cli("user", "disable", email)
    time.sleep(SOON)
    for name, value in {**tokens, "key": key}.items():
        if name in ("access_token", "refresh_token", "key"):
            assert on_every_worker(trusted, lambda value=value: trusted.introspect(value) == {"active": False}), name
    assert app.refresh(tokens["refresh_token"]).error == (400, "invalid_grant")
    assert app.redeem(waiting, asked.verifier).error == (400, "invalid_grant")
    assert app.userinfo(tokens["access_token"]).status == 401
    assert browser.get("/").location.startswith("/login")
    refused = served.browser().fill("/login", email=email, password="a walk along the river bank")
    assert refused.status in (403, 422) and "session" not in " ".join(refused.all("Set-Cookie"))

    # Enabled again, they sign in anew: the old session stays ended.
    served.cli("user", "enable", email)
    assert browser.get("/").location.startswith("/login")
    assert served.browser(email).get("/").status == 200


def test_a_disabled_client_stops_everywhere_within_a_second(served: Served) -> None:
    browser = served.browser("alice@example.test")
    app = served.app("Stopped")
    tokens = app.tokens(browser)
    waiting, asked = app.code(browser)
    trusted = served.app("Gateway", "--introspect-all", "--grant", "client_credentials", "--scope", "workflows:read")
    served.cli("client", "disable", app.client_id)
    time.sleep(SOON)
    for name in ("access_token", "refresh_token"):
        assert on_every_worker(trusted, lambda name=name: trusted.introspect(tokens[name]) == {"active": False}), name
    assert on_every_worker(app, lambda: app.userinfo(tokens["access_token"]).status == 401)
    assert app.refresh(tokens["refresh_token"]).json["error"] == "invalid_client"
    assert app.redeem(waiting, asked.verifier).json["error"] == "invalid_client"
    assert browser.get(app.ask().url).status == 400


def test_every_answer_so_far_was_without_a_fault_of_ours(served: Served, faults_before: int) -> None:
    assert served.errors()[faults_before:] == []
