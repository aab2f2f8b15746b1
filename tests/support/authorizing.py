"""An app that asks, a person who answers: what the tests of /oauth/authorize and of consent share."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask.testing import FlaskClient
from sqlalchemy import insert
from werkzeug.test import TestResponse

from authserver import database
from authserver.domain.ground import cache
from authserver.domain.people import sessions, users
from authserver.lib import clock, pkce
from authserver.models import Client, Resource

CALLBACK = "https://notes.example.com/callback"
VERIFIER = "a-code-verifier-that-is-long-enough-for-rfc-7636"
API = "https://api.example.com"
HANDLE = re.compile(r'name="request" value="([^"]+)"')


def make_app(client_id: str = "notes", **columns: Any) -> str:
    """A confidential web app with two scopes, unless `columns` say otherwise; returns its client_id."""
    values: dict[str, Any] = {
        "id": client_id,
        "name": "Acme Notes",
        "kind": "web",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "scopes": ["openid", "profile", "email", "offline_access", "workflows:read", "workflows:write"],
        "default_scopes": ["workflows:read"],
        "created_at": clock.now() - 90 * 86_400,
        "updated_at": clock.now(),
        "installation": columns.get("owner_id") is None,
    }
    with database.transaction() as session:
        session.add(Client(**values | columns))
        session.flush()
        cache.touch(session, "clients")
    cache.reset()
    return client_id


def change_app(client_id: str = "notes", **columns: Any) -> None:
    """Change what an app is, as its owner or an administrator would."""
    with database.transaction() as session:
        row = session.get(Client, client_id)
        assert row is not None
        for name, value in columns.items():
            setattr(row, name, value)
        session.flush()
        cache.touch(session, "clients")
    cache.reset()


def make_api(identifier: str = API, name: str = "Reports API") -> str:
    """A registered resource."""
    with database.transaction() as session:
        session.execute(insert(Resource).values(identifier=identifier, name=name, created_at=clock.now()))
        cache.touch(session, "scopes")
    cache.reset()
    return identifier


def asking(**changes: Any) -> dict[str, Any]:
    """The parameters of a good request; None takes one away."""
    params = {
        "response_type": "code",
        "client_id": "notes",
        "redirect_uri": CALLBACK,
        "scope": "workflows:read",
        "state": "s-1",
        "code_challenge": pkce.challenge(VERIFIER),
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (params | changes).items() if value is not None}


def authorize(browser: FlaskClient, **changes: Any) -> TestResponse:
    """Follow an app's link."""
    return browser.get("/oauth/authorize?" + urlencode(asking(**changes), doseq=True))


def sign_in(browser: FlaskClient, person: Any, *, auth_time: int | None = None) -> str:
    """Give a browser a person's session without the sign-in page; returns the session's id."""
    user = users.find(person.id)
    assert user is not None
    token, found = sessions.open(user, amr=["pwd"], ip="127.0.0.1", user_agent="test")
    if auth_time is not None:
        with database.transaction() as session:
            session.merge(found.session).auth_time = auth_time
    browser.set_cookie("authserver_session", token)
    return found.session.id


def followed(browser: FlaskClient, answer: TestResponse) -> TestResponse:
    """Follow our own redirects until a page, or until the way leads out of here."""
    while answer.status_code == 303 and answer.location.startswith("/"):
        answer = browser.get(answer.location)
    return answer


def consent_form(page: TestResponse) -> dict[str, Any]:
    """The fields of the consent page as a browser would send them, without a button."""
    assert page.status_code == 200, page.text
    form = page.text[page.text.index('action="/oauth/authorize/consent"') : page.text.index("</form>", page.text.index(
        'action="/oauth/authorize/consent"'))]  # fmt: skip
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    ticks = re.findall(r'<input type="checkbox" name="scope" value="([^"]+)"[^>]* checked', form)
    return {name: html.unescape(value) for name, value in hidden} | {"scope": ticks}


def answer_consent(browser: FlaskClient, page: TestResponse, action: str = "allow", **changes: Any) -> TestResponse:
    """Press a button of the consent page."""
    return browser.post("/oauth/authorize/consent", data=consent_form(page) | {"action": action} | changes)


def answer_of(response: TestResponse) -> dict[str, str]:
    """The parameters that an app receives in its redirect URI's query, each exactly once."""
    assert response.status_code == 303, response.text
    values = parse_qs(urlsplit(response.location).query, keep_blank_values=True)
    assert all(len(value) == 1 for value in values.values()), values
    return {name: value[0] for name, value in values.items()}
