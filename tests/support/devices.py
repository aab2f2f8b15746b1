"""A device that asks, and a person who answers in a browser: what tests of RFC 8628 share."""

from __future__ import annotations

import html
import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support import forms, protocol
from tests.support.protocol import App, Reply

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
PATH = "/oauth/device_authorization"


def register(**columns: Any) -> App:
    """A public app on a device, unless `columns` say otherwise."""
    given = {
        "name": "Television", "public": True, "kind": "native", "application_type": "native", "redirect_uris": [],
        "grant_types": [GRANT, "refresh_token"],
    }  # fmt: skip
    return protocol.register(**given | columns)


def ask(app: App, headers: dict[str, str] | None = None, **fields: Any) -> Reply:
    """The device asks; a field set to None is left out."""
    sent = {"scope": "openid email workflows:read"} | fields
    kept = {name: value for name, value in sent.items() if value is not None}
    if app.secret:
        return protocol.send(PATH, kept, app.basic | (headers or {}))
    return protocol.send(PATH, kept | {"client_id": app.id}, headers)


def begun(app: App, **fields: Any) -> dict[str, Any]:
    """What it is told."""
    reply = ask(app, **fields)
    assert reply.status == 200, reply.body
    return reply.json


def poll(app: App, device_code: str, **fields: Any) -> Reply:
    """The device asks for its tokens."""
    sent = {"grant_type": GRANT, "device_code": device_code} | fields
    return protocol.send(
        "/oauth/token", sent | ({} if app.secret else {"client_id": app.id}), app.basic if app.secret else None
    )


def typed(browser: FlaskClient, user_code: str) -> TestResponse:
    """The person types a code."""
    return forms.submit(browser, "/device", user_code=user_code)


def form(page: TestResponse) -> dict[str, Any]:
    """The fields of the page that asks, as a browser would send them, without a button."""
    assert page.status_code == 200, page.text
    text = page.text[page.text.index('action="/device"') :]
    text = text[: text.index("</form>")]
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text)
    ticks = re.findall(r'<input type="checkbox" name="scope" value="([^"]+)"[^>]* checked', text)
    return {name: html.unescape(value) for name, value in hidden} | {"scope": ticks}


def press(browser: FlaskClient, page: TestResponse, action: str = "allow", **changes: Any) -> TestResponse:
    """Press a button of that page."""
    return browser.post("/device", data=form(page) | {"action": action} | changes)


def answer(browser: FlaskClient, user_code: str, action: str = "allow", **changes: Any) -> TestResponse:
    """The whole way of the person: type, compare, press."""
    return press(browser, typed(browser, user_code), action, **changes)
