"""Apps that sign out in a frame of the browser (OpenID Connect Front-Channel Logout 1.0; contract 11.53)."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from authserver import database
from authserver.domain.clients import clients, metadata
from authserver.domain.grants import session_ids
from authserver.domain.people import sessions
from authserver.errors import Invalid
from authserver.models import LogoutNotice
from tests.conftest import Person
from tests.support import authorizing, forms, protocol
from tests.support.protocol import App, send

OUT = "https://app.example/frontchannel-logout"
BYE = "https://app.example/bye"


@pytest.fixture
def notes(app: Flask) -> App:
    return protocol.register(name="Acme Notes", frontchannel_logout_uri=OUT, post_logout_redirect_uris=[BYE])


@pytest.fixture
def sid(http: FlaskClient, alice: Person, notes: App) -> str:
    id = authorizing.sign_in(http, alice)
    protocol.tokens_for(alice.id, notes, session_id=id)
    return id


def frames(page: TestResponse) -> list[str]:
    return [html.unescape(each) for each in re.findall(r'<iframe[^>]* src="([^"]+)"', page.text)]


def test_signing_out_loads_each_app_with_issuer_and_sid_and_moves_on(http: FlaskClient, sid: str, notes: App) -> None:
    """Section 3: `iss` and `sid` come together, in the query."""
    page = forms.submit(http, "/logout")
    assert page.status_code == 200 and page.headers["Refresh"].endswith("; url=/login")
    (frame,) = frames(page)
    assert frame.partition("?")[0] == OUT
    assert parse_qs(urlsplit(frame).query) == {"iss": ["http://localhost:8000"], "sid": [session_ids.of(sid, notes.id)]}
    assert page.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert http.get("/settings/profile").status_code == 303


def test_only_the_apps_origins_may_be_framed_and_nobody_frames_us(http: FlaskClient, sid: str) -> None:
    policy = forms.submit(http, "/logout").headers["Content-Security-Policy"]
    assert "frame-src https://app.example;" in policy and "frame-ancestors 'none'" in policy
    assert "frame-src" not in http.get("/login").headers["Content-Security-Policy"]


def test_an_apps_own_request_goes_back_to_it_afterwards(http: FlaskClient, sid: str, notes: App, alice: Person) -> None:
    hint = protocol.tokens_for(alice.id, notes, session_id=sid)["id_token"]
    query = urlencode({"id_token_hint": hint, "post_logout_redirect_uri": BYE, "state": "s"})
    page = http.get("/oauth/logout?" + query)
    assert page.status_code == 200 and len(frames(page)) == 1
    assert page.headers["Refresh"].endswith(f"; url={BYE}?state=s") and f'href="{BYE}?state=s"' in page.text


def test_without_such_an_app_nothing_is_shown(http: FlaskClient, sid: str, notes: App) -> None:
    protocol.change(notes, frontchannel_logout_uri="")
    assert forms.submit(http, "/logout").location == "/login"


def test_a_stopped_app_is_not_loaded(http: FlaskClient, sid: str, notes: App) -> None:
    protocol.change(notes, disabled_at=1)
    assert forms.submit(http, "/logout").location == "/login"


def test_it_stands_on_the_page_of_sessions(http: FlaskClient, sid: str, notes: App, alice: Person) -> None:
    forms.submit(http, "/logout")
    with database.reading() as session:
        (row,) = session.scalars(select(LogoutNotice))
    assert (row.channel, row.state, row.session_id, row.next_at) == (
        "front",
        "shown",
        session_ids.of(sid, notes.id),
        None,
    )
    authorizing.sign_in(http, alice)
    assert "Opened in the browser" in http.get("/settings/sessions").text


def test_ended_from_elsewhere_no_browser_is_there_to_load_it(sid: str, alice: Person) -> None:
    sessions.end(alice.id, sid)
    with database.reading() as session:
        assert session.scalars(select(LogoutNotice)).all() == []


@pytest.mark.parametrize(
    "uri",
    ["https://other.example/out", "https://app.example:8443/out", "http://app.example/out", "/out", "javascript:x",
     "https://app.example/#out"],
)  # fmt: skip
def test_an_address_elsewhere_than_its_redirect_uris_is_refused(app: Flask, uri: str) -> None:
    """Section 2: scheme, host and port are those of a redirect URI."""
    wanted = {"client_name": "A", "redirect_uris": ["https://app.example/cb"], "frontchannel_logout_uri": uri}
    with pytest.raises(Invalid) as refused:
        clients.register(None, metadata.from_document(wanted))
    assert "frontchannel_logout_uri" in refused.value.problems


def test_it_is_announced(app: Flask) -> None:
    said = send("/.well-known/openid-configuration", method="GET").json
    assert said["frontchannel_logout_supported"] is said["frontchannel_logout_session_supported"] is True


@pytest.mark.parametrize("overrides", [{"logout_channels": "off"}])
def test_switched_off_nothing_is_loaded_or_announced(http: FlaskClient, sid: str, overrides: dict[str, Any]) -> None:
    assert forms.submit(http, "/logout").location == "/login"
    assert not [each for each in send("/.well-known/openid-configuration", method="GET").json if "channel" in each]
