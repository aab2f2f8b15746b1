"""A person meets an app: authorize, sign in, allow, exchange, refresh, introspect, revoke: over HTTP alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from tests.support import authorizing
from tests.support.authorizing import CALLBACK, VERIFIER, answer_consent, answer_of, authorize, followed

APP = {"scope": "openid email offline_access workflows:read", "nonce": "n-1"}


@pytest.fixture
def credentials(bob: Any) -> tuple[str, str]:
    """Bob's web app, registered as the form does it: client_id and secret."""
    row, secret = clients.register(
        bob.user,
        Registration(
            name="Acme Notes",
            kind="web",
            redirect_uris=(CALLBACK,),
            grant_types=("authorization_code", "refresh_token"),
            scopes=("openid", "email", "offline_access", "workflows:read"),
        ),
    )
    assert secret is not None
    return row.id, secret


def sign_in_by_form(browser: FlaskClient, page: Any, person: Any) -> Any:
    """Fill in the sign-in page and send it."""
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text[: page.text.index("</form>")])
    form = dict(hidden) | {"email": person.email, "password": person.password}
    return browser.post("/login", data=form)


def exchange(program: FlaskClient, credentials: tuple[str, str], code: str, **changes: str) -> Any:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return program.post("/oauth/token", data=form | changes, auth=credentials)


def active(program: FlaskClient, credentials: tuple[str, str], token: str) -> bool:
    return bool(program.post("/oauth/introspect", data={"token": token}, auth=credentials).json["active"])


def test_from_the_apps_link_to_tokens_that_die_when_they_are_revoked(
    browser: Any, credentials: tuple[str, str], alice: Any
) -> None:
    hers, program = browser(), browser()

    login = followed(hers, authorize(hers, client_id=credentials[0], login_hint=alice.email, **APP))
    assert login.request.path == "/login"
    assert "Acme Notes" in login.text
    assert f'value="{alice.email}"' in login.text
    consent = followed(hers, sign_in_by_form(hers, login, alice))
    assert consent.request.path == "/oauth/authorize/consent"
    answer = answer_of(answer_consent(hers, consent))
    assert answer["state"] == "s-1"

    tokens = exchange(program, credentials, answer["code"]).json
    assert set(tokens["scope"].split()) == set(APP["scope"].split())
    assert active(program, credentials, tokens["access_token"])
    renewed = program.post(
        "/oauth/token",
        data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
        auth=credentials,
    ).json
    assert active(program, credentials, renewed["access_token"])

    page = hers.get(f"/connected-apps/{credentials[0]}/revoke")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text[page.text.index('class="card narrow confirm"') :])
    assert token is not None
    hers.post(f"/connected-apps/{credentials[0]}/revoke", data={"csrf_token": token[1]})

    for each in (tokens["access_token"], renewed["access_token"], renewed["refresh_token"]):
        assert not active(program, credentials, each)
    refused = program.post(
        "/oauth/token",
        data={"grant_type": "refresh_token", "refresh_token": renewed["refresh_token"]},
        auth=credentials,
    )
    assert refused.json["error"] == "invalid_grant"


def test_revoking_an_app_takes_the_code_it_has_not_used_yet(
    browser: Any, credentials: tuple[str, str], alice: Any
) -> None:
    from authserver.domain.grants import consents

    hers, program = browser(), browser()
    authorizing.sign_in(hers, alice)
    code = answer_of(answer_consent(hers, followed(hers, authorize(hers, client_id=credentials[0], **APP))))["code"]

    consents.revoke(alice.id, credentials[0])

    assert exchange(program, credentials, code).json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "another-code-verifier-that-is-long-enough-for-rfc"},
        {"code_verifier": ""},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": ""},
    ],
)
def test_a_code_is_bound_to_what_was_asked(
    browser: Any, credentials: tuple[str, str], alice: Any, changes: dict[str, str]
) -> None:
    hers, program = browser(), browser()
    authorizing.sign_in(hers, alice)
    code = answer_of(answer_consent(hers, followed(hers, authorize(hers, client_id=credentials[0], **APP))))["code"]

    assert exchange(program, credentials, code, **changes).status_code == 400


def test_prompt_login_asks_for_the_password_of_a_person_who_is_signed_in(
    browser: Any, credentials: tuple[str, str], alice: Any
) -> None:
    hers = browser()
    authorizing.sign_in(hers, alice)

    login = followed(hers, authorize(hers, client_id=credentials[0], prompt="login", **APP))
    assert login.request.path == "/login"
    assert 'name="password"' in login.text
    wrong = sign_in_by_form(hers, login, type(alice)(alice.user, "not the password"))
    assert wrong.status_code == 422
    handle = re.search(r'name="request" value="([^"]+)"', login.text)
    assert handle is not None
    skipped = followed(hers, hers.get("/oauth/authorize/continue?request=" + handle[1]))
    assert skipped.request.path == "/login"

    assert followed(hers, sign_in_by_form(hers, login, alice)).request.path == "/oauth/authorize/consent"


def test_another_account_can_be_chosen_on_the_way(
    browser: Any, credentials: tuple[str, str], alice: Any, bob: Any
) -> None:
    hers = browser()
    authorizing.sign_in(hers, alice, auth_time=1)
    chooser = followed(hers, authorize(hers, client_id=credentials[0], prompt="select_account", **APP))
    link = re.search(r'href="(/login[^"]+)">Use another account', chooser.text)
    assert link is not None

    login = hers.get(link[1].replace("&amp;", "&"))
    consent = followed(hers, sign_in_by_form(hers, login, bob))

    assert consent.request.path == "/oauth/authorize/consent"
    assert bob.email in consent.text
    assert alice.email not in consent.text
