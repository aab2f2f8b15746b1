"""Logos of apps: fetched once, through the guard, and served from here alone (contract 11.54)."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from authserver.domain.clients import clients, logos
from authserver.domain.clients.metadata import Registration, from_document, self_registration, to_document
from authserver.domain.running import declaration
from authserver.errors import Invalid
from authserver.models import Client
from tests.conftest import Person
from tests.support import authorizing, protocol
from tests.support.receivers import Receiver, listening

WEB = Registration(name="Acme", kind="web", redirect_uris=("https://app.example.com/cb",), scopes=("openid",))


def picture(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (200, 200), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


@pytest.fixture
def host(app: object, socket_enabled: object) -> Iterator[Receiver]:
    with listening() as receiver:
        receiver.body = picture()
        yield receiver


def with_logo(owner: Person, uri: str) -> Client:
    return clients.register(owner.user, dataclasses.replace(WEB, logo_uri=uri))[0]


def test_it_is_fetched_when_the_app_is_saved_and_shown_from_here(
    host: Receiver, http: FlaskClient, alice: Person
) -> None:
    row = with_logo(alice, host.url("/logo.png"))
    (asked,) = host.got
    assert (asked.method, asked.path, asked.headers["Accept"].split(",")[0]) == ("GET", "/logo.png", "image/png")
    answer = http.get(f"/logos/{row.logo_digest}.png")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.data)).size == (128, 128)
    assert len(host.got) == 1


def test_it_is_kept_for_good_and_can_run_nothing(host: Receiver, http: FlaskClient, alice: Person) -> None:
    answer = http.get(f"/logos/{with_logo(alice, host.url()).logo_digest}.png")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("name", ["0" * 64, "x", "../etc", "A" * 64, "0" * 63, "%00"])
def test_what_is_no_logo_is_not_found(app: object, http: FlaskClient, name: str) -> None:
    assert http.get(f"/logos/{name}.png").status_code == 404


def test_it_changes_with_its_address_alone(host: Receiver, http: FlaskClient, alice: Person) -> None:
    row = with_logo(alice, host.url("/logo.png"))
    before = clients.registration_of(row)
    clients.revise(alice.user, row.id, dataclasses.replace(before, description="New"))
    assert len(host.got) == 1
    host.body = picture("blue")
    changed = clients.revise(alice.user, row.id, dataclasses.replace(before, logo_uri=host.url("/other.png")))
    assert changed.logo_digest != row.logo_digest
    assert http.get(f"/logos/{row.logo_digest}.png").status_code == 404
    gone = clients.revise(alice.user, row.id, dataclasses.replace(before, logo_uri=""))
    assert (gone.logo_digest, http.get(f"/logos/{changed.logo_digest}.png").status_code) == ("", 404)


ANSWERS: dict[str, dict[str, Any]] = {
    "not found": {"status": 404},
    "a redirect": {"status": 302, "headers": {"Location": "http://127.0.0.1/"}},
    "nothing": {"body": b""},
    "a page": {"body": b"<html></html>"},
    "an SVG": {"body": b"<svg xmlns='http://www.w3.org/2000/svg'/>"},
    "a picture that is cut off": {"body": picture()[:70]},
    "more than 64 kB": {"body": picture() + b"\0" * 70_000},
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_no_good_picture_is_said_at_the_field_and_nothing_is_made(
    host: Receiver, alice: Person, answer: str
) -> None:
    for name, value in ANSWERS[answer].items():
        setattr(host, name, value)
    with pytest.raises(Invalid) as refused:
        with_logo(alice, host.url())
    assert "logo_uri" in (refused.value.field or "", *refused.value.problems)
    assert clients.owned_by(alice.user)[1] == 0
    assert len(host.got) == 1, "no redirect is followed"


@pytest.mark.parametrize(
    "uri",
    ["http://example.com/logo.png", "https://10.0.0.1/logo.png", "https://169.254.169.254/logo.png", "https://[::1]/x",
     "https://2130706433/x", "https://u:p@example.com/x", "data:image/png;base64,AAAA", "javascript:alert(1)",
     "//example.com/x", "https://example.com/#x", "file:///etc/passwd"],
)  # fmt: skip
def test_addresses_inside_and_other_schemes_are_not_asked(app: object, alice: Person, uri: str) -> None:
    """Class C23."""
    with pytest.raises(Invalid) as refused:
        with_logo(alice, uri)
    assert "logo_uri" in (refused.value.field or "", *refused.value.problems)


def test_a_document_names_it_and_an_answer_repeats_it(host: Receiver, alice: Person) -> None:
    """RFC 7591 section 2."""
    wanted = from_document({"client_name": "Acme", "redirect_uris": ["https://a.example/cb"], "logo_uri": host.url()})
    row, _ = clients.register(alice.user, wanted)
    assert to_document(clients.get(row.id))["logo_uri"] == host.url()
    assert "logo_uri" not in row.metadata_extra


def test_a_declaration_names_it(host: Receiver) -> None:
    entry = {
        "client_id": "acme",
        "client_name": "Acme",
        "redirect_uris": ["https://a.example/cb"],
        "logo_uri": host.url(),
    }
    declaration.apply({"clients": [entry]})
    assert logos.find(clients.get("acme").logo_digest)


SRC = "/logos/" + "a" * 64 + ".png"


def test_people_see_it_where_they_decide(app: object, http: FlaskClient, alice: Person) -> None:
    """At sign-in, on the consent page, and among their connected apps; never from the app's own address."""
    bank = protocol.register(
        id="bank", name="The Bank", redirect_uris=[authorizing.CALLBACK], scopes=["openid"],
        logo_uri="https://bank.example/logo.png", logo_digest="a" * 64,
    )  # fmt: skip
    asked = {"client_id": "bank", "scope": "openid"}
    pages = [authorizing.followed(http, authorizing.authorize(http, **asked))]
    authorizing.sign_in(http, alice)
    pages.append(authorizing.followed(http, authorizing.authorize(http, **asked)))
    authorizing.answer_consent(http, pages[1])
    pages.append(http.get("/connected-apps"))
    assert [page.request.path for page in pages] == ["/login", "/oauth/authorize/consent", "/connected-apps"]
    for page in pages:
        assert f'src="{SRC}"' in page.text and "bank.example/logo" not in page.text
    protocol.change(bank, logo_digest="")
    assert ">TB</span>" in http.get("/connected-apps").text


def test_an_app_that_registers_itself_has_none(host: Receiver) -> None:
    """Nobody vouches for whose picture it is: it is not even fetched."""
    wanted = self_registration.read({"redirect_uris": ["https://a.example/cb"], "logo_uri": host.url()})
    row, _ = clients.register(None, wanted, self_registered=True)
    assert (row.logo_uri, row.logo_digest, host.got) == ("", "", [])
