"""Logos of apps that register themselves: only where somebody gave them an initial access token (contract 11.54)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from authserver.domain.clients import clients
from tests.support import registering
from tests.support.receivers import Receiver, listening
from tests.support.registering import MCP, manage, register


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open", "outbound_allow": ("127.0.0.1",)}


def picture(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (200, 200), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def host(app: object, socket_enabled: object) -> Iterator[Receiver]:
    with listening() as receiver:
        receiver.body = picture()
        yield receiver


def with_token(uri: Any) -> dict[str, Any]:
    reply = register(token=registering.token(), logo_uri=uri)
    assert reply.status == 201, reply.json
    return dict(reply.json)


def digest_of(said: dict[str, Any]) -> str:
    return clients.get(said["client_id"]).logo_digest


def test_one_with_a_token_is_fetched_once_told_and_shown_from_here(host: Receiver, http: FlaskClient) -> None:
    uri = host.url("/logo.png")
    said = with_token(uri)
    assert said["logo_uri"] == uri and manage("GET", said).json["logo_uri"] == uri
    assert http.get(f"/logos/{digest_of(said)}.png").status_code == 200
    assert len(host.got) == 1


def test_one_of_an_app_that_came_by_itself_is_never_asked_for(host: Receiver) -> None:
    said = register(logo_uri=host.url("/logo.png")).json
    changed = manage("PUT", said, {**MCP, "client_id": said["client_id"], "logo_uri": host.url("/logo.png")})
    assert changed.status == 200
    assert "logo_uri" not in {*said, *changed.json}
    assert (digest_of(said), host.got) == ("", [])


@pytest.mark.parametrize("body", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"x" * 70_000])
def test_what_is_no_picture_for_us_leaves_the_app_without_one(host: Receiver, body: bytes) -> None:
    """RFC 7591 section 3.2.1: the answer says what was registered."""
    host.body = body
    said = with_token(host.url("/logo.png"))
    assert "logo_uri" not in said and digest_of(said) == ""


@pytest.mark.parametrize("uri", [
    "http://10.0.0.1/x.png", "file:///etc/passwd", "javascript:alert(1)", "https://[", "//x", "x", "https://a.example/\n",
    "https://u:p@a.example/x", "data:image/png;base64,AAAA",
])  # fmt: skip
def test_an_address_that_is_none_leaves_the_app_without_one(host: Receiver, uri: str) -> None:
    assert "logo_uri" not in with_token(uri)
    assert host.got == []


@pytest.mark.parametrize("uri", [7, ["https://a.example/x.png"], {"uri": "x"}])
def test_what_is_no_address_at_all_is_refused(host: Receiver, uri: Any) -> None:
    assert register(token=registering.token(), logo_uri=uri).error == (400, "invalid_client_metadata")


def test_it_changes_and_goes_with_what_the_app_says_anew(host: Receiver) -> None:
    """RFC 7592 section 2.2: what is left out is taken away."""
    said = with_token(host.url("/logo.png"))
    first = digest_of(said)
    host.body = picture("blue")
    document = {**MCP, "client_id": said["client_id"]}
    said = manage("PUT", said, {**document, "logo_uri": host.url("/other.png")}).json
    assert digest_of(said) not in ("", first)
    said = manage("PUT", said, document).json
    assert "logo_uri" not in said and digest_of(said) == ""


def test_one_that_stays_is_not_asked_for_again(host: Receiver) -> None:
    said = with_token(host.url("/logo.png"))
    document = {**MCP, "client_id": said["client_id"], "logo_uri": host.url("/logo.png")}
    assert manage("PUT", said, {**document, "client_name": "Renamed"}).json["logo_uri"] == host.url("/logo.png")
    assert digest_of(said) and len(host.got) == 1
