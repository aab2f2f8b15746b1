"""Who tries what they may not, in vain, leaves a line in the log: who, from where, at what, why (ASVS 16.3)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.people import users
from tests.conftest import PASSWORD, Person
from tests.support import forms, own_jwts, protocol
from tests.support.protocol import App

ADDRESS = "203.0.113.9"


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"log_level": "INFO", "login_failures_per_account": 1}


@dataclasses.dataclass
class Stage:
    """Who is there."""

    http: FlaskClient
    alice: Person
    mallory: Person
    app: App
    key: str


@pytest.fixture
def stage(http: FlaskClient, alice: Person, mallory: Person) -> Stage:
    http.environ_base["REMOTE_ADDR"] = ADDRESS
    return Stage(
        http,
        alice,
        mallory,
        protocol.register(owner_id=alice.id),
        api_keys.create(mallory.user, Wish("CI", "read_only"))[1],
    )


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The lines of the log since the last look."""
    yield lambda: [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]


def wrong_password(stage: Stage) -> None:
    forms.sign_in(stage.http, stage.alice.email, "wrong")


def unknown_name(stage: Stage) -> None:
    forms.sign_in(stage.http, "nobody@example.test", "wrong")


def one_guess_too_many(stage: Stage) -> None:
    for _ in range(2):
        forms.sign_in(stage.http, stage.alice.email, "wrong")


def a_disabled_account(stage: Stage) -> None:
    users.disable(stage.alice.id)
    forms.sign_in(stage.http, stage.alice.email, PASSWORD)


def a_form_without_its_token(stage: Stage) -> None:
    stage.http.post("/login", data={"email": stage.alice.email, "password": PASSWORD})


def a_page_of_administrators(stage: Stage) -> None:
    forms.sign_in(stage.http, stage.mallory.email, PASSWORD)
    stage.http.get("/admin/users")


def the_app_of_somebody_else(stage: Stage) -> None:
    forms.sign_in(stage.http, stage.mallory.email, PASSWORD)
    stage.http.get(f"/apps/{stage.app.id}")


def a_dead_link(stage: Stage) -> None:
    stage.http.get("/welcome/nothing")


def another_name_of_the_host(stage: Stage) -> None:
    stage.http.get("/login", headers={"Host": "evil.example"})


def an_app_that_is_none(stage: Stage) -> None:
    stage.http.get("/oauth/authorize?client_id=nobody&response_type=code")


def a_redirect_uri_that_is_not_registered(stage: Stage) -> None:
    stage.http.get(f"/oauth/authorize?client_id={stage.app.id}&redirect_uri=https://evil.example/cb")


def a_wrong_client_secret(stage: Stage) -> None:
    wrong = protocol.basic(stage.app.id, stage.app.secret[:-1] + "x")
    stage.http.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=wrong)


def a_scope_that_the_app_lacks(stage: Stage) -> None:
    fields = {"grant_type": "client_credentials", "scope": "users:manage"}
    stage.http.post("/oauth/token", data=fields, headers=stage.app.basic)


def a_malformed_body(stage: Stage) -> None:
    stage.http.post("/oauth/token", data=b"grant_type=%zz", headers=stage.app.basic)


def a_key_that_nobody_has(stage: Stage) -> None:
    stage.http.get("/v1/me", headers=protocol.bearer(stage.key[:-1] + "x"))


def a_key_of_too_low_a_level(stage: Stage) -> None:
    stage.http.post("/v1/api-keys", json={"name": "x"}, headers=protocol.bearer(stage.key))


def a_bad_token_for_userinfo(stage: Stage) -> None:
    stage.http.get("/oauth/userinfo", headers=protocol.bearer("eyJhbGciOiJub25lIn0.e30."))


def a_gateway_without_a_credential(stage: Stage) -> None:
    stage.http.get("/gateway/auth?scope=workflows:read", headers={"X-Forwarded-Method": "GET"})


ATTEMPTS: dict[Callable[[Stage], None], dict[str, Any]] = {
    wrong_password: {"event": "sign_in_failed", "reason": "password"},
    unknown_name: {"event": "sign_in_failed", "reason": "password"},
    one_guess_too_many: {"event": "sign_in_failed", "reason": "throttled"},
    a_disabled_account: {"event": "sign_in_failed", "reason": "disabled"},
    a_form_without_its_token: {"event": "csrf_refused", "endpoint": "login.submit"},
    a_page_of_administrators: {"event": "request", "status": 404, "route": "/admin/users"},
    the_app_of_somebody_else: {"event": "request", "status": 404, "route": "/apps/<client_id>"},
    a_dead_link: {"event": "request", "status": 404, "route": "/welcome/…"},
    another_name_of_the_host: {"event": "request", "status": 421, "asked_host": "evil.example"},
    an_app_that_is_none: {"event": "authorization_refused", "error": "invalid_request"},
    a_redirect_uri_that_is_not_registered: {"event": "authorization_refused"},
    a_wrong_client_secret: {"event": "request", "status": 401, "error": "invalid_client"},
    a_scope_that_the_app_lacks: {"event": "request", "status": 400, "error": "invalid_scope"},
    a_malformed_body: {"event": "request", "status": 400, "error": "invalid_request"},
    a_key_that_nobody_has: {"event": "request", "status": 401, "error": "INVALID_API_KEY"},
    a_key_of_too_low_a_level: {"event": "request", "status": 403, "error": "INSUFFICIENT_PERMISSIONS"},
    a_bad_token_for_userinfo: {"event": "request", "status": 401, "error": "invalid_token"},
    a_gateway_without_a_credential: {"event": "request", "status": 401},
}
BY_SOMEBODY_KNOWN = {a_page_of_administrators: "sub", the_app_of_somebody_else: "sub",
                     a_scope_that_the_app_lacks: "client_id", a_wrong_client_secret: "claimed_client_id",
                     a_key_of_too_low_a_level: "key_id"}  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda each: each.__name__)
def test_what_was_tried_in_vain_is_in_the_log(
    stage: Stage, told: Callable[[], list[dict[str, Any]]], attempt: Callable[[Stage], None]
) -> None:
    told()
    attempt(stage)
    wanted = ATTEMPTS[attempt]
    lines = told()
    found = [line for line in lines if all(line.get(name) == value for name, value in wanted.items())]
    assert found, lines
    assert found[-1]["ip"] == ADDRESS and found[-1]["request_id"]
    if attempt in BY_SOMEBODY_KNOWN:
        assert found[-1].get(BY_SOMEBODY_KNOWN[attempt]), found[-1]


def test_what_fails_behind_us_is_in_the_log(
    stage: Stage, told: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours, a `jwks_uri` that cannot be asked: each with its reason."""
    told()
    monkeypatch.setitem(stage.http.application.view_functions, "login.show", broken)
    monkeypatch.setitem(stage.http.application.config, "PROPAGATE_EXCEPTIONS", False)
    assert stage.http.get("/login").status_code == 500
    fetched_from = protocol.register(jwks_uri="https://127.0.0.1/jwks.json")
    signed = own_jwts.own(fetched_from.id)
    assert stage.http.get("/v1/me", headers=protocol.bearer(signed)).status_code == 401
    lines = {line["event"]: line for line in told()}
    assert lines["unhandled_error"]["level"] == "error" and "traceback" in lines["unhandled_error"]
    assert lines["jwks_not_fetched"]["client_id"] == fetched_from.id and lines["jwks_not_fetched"]["msg"]


def broken(**_: object) -> None:
    raise RuntimeError("a fault")
