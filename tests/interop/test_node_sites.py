"""Sites under Node, set up as docs/connect says: Passport, Auth.js, express-openid-connect, openid-client."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from authserver import connect_pages
from tests.interop import devices, sites, toolchains
from tests.interop import house as houses
from tests.interop.house import House
from tests.interop.visitor import SECONDS, Visitor
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
SECRET = "for this run alone, and as long as a secret ought to be"


@contextlib.contextmanager
def site(
    house: House, folder: Path, page: str, *words: str, program: str = "server.mjs", **environment: str
) -> Iterator[str]:
    """The page's own program under Node; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    sites.write(folder, house.follow(page, address).files())
    with started(house, folder, port, *words, program, **environment):
        yield address
        house.check_name_of(page)


@contextlib.contextmanager
def started(house: House, folder: Path, port: int, *words: str, **environment: str) -> Iterator[None]:
    """A program of the folder, once it listens."""
    known = {"PORT": str(port), "SESSION_SECRET": SECRET, **house.environment(), **environment}
    with sites.running(toolchains.node_program("web", folder, *words), folder, port, known):
        yield


def test_passport_by_openid_connect(house: House, folder: Path) -> None:
    with site(house, folder, "passport-openidconnect") as address:
        visitor = house.visitor()
        user = visitor.open(f"{address}/login").json
        assert (user["username"], user["name"]) == (houses.USERNAME, houses.NAME), visitor.way
        assert user["emails"] == [{"value": houses.EMAIL}]


def test_passport_by_oauth_alone(house: House, folder: Path) -> None:
    with site(house, folder, "passport-oauth2") as address:
        visitor = house.visitor()
        user = visitor.open(f"{address}/login").json
        assert _claims(user) == (houses.EMAIL, houses.NAME, houses.USERNAME), visitor.way


def test_authjs(house: House, folder: Path) -> None:
    with site(house, folder, "authjs", AUTH_SECRET=SECRET, AUTH_TRUST_HOST="true") as address:
        visitor = house.visitor()
        visitor.press(visitor.open(f"{address}/auth/signin"), "/auth/signin/my-server")
        session = visitor.open(address).json
        assert session["user"] == {"name": houses.NAME, "email": houses.EMAIL}, visitor.way


def test_authjs_leads_to_our_sign_out(house: House, folder: Path) -> None:
    with site(house, folder, "authjs", AUTH_SECRET=SECRET, AUTH_TRUST_HOST="true") as address:
        visitor = house.visitor()
        visitor.press(visitor.open(f"{address}/auth/signin"), "/auth/signin/my-server")
        shown = re.search(r"https://[^\"]+", (folder / "signout.mjs").read_text("utf-8"))
        assert shown is not None
        asked = visitor.press(visitor.open(f"{address}/auth/signout?callbackUrl={quote(shown[0])}"), "/auth/signout")
        arrived = visitor.press(asked, "/oauth/logout/confirm")
        assert (arrived.url, arrived.json) == (f"{address}/", None), visitor.way
        assert visitor.is_signed_out()


def test_express_openid_connect(house: House, folder: Path) -> None:
    with site(house, folder, "express-openid-connect", "--env-file=.env", SECRET=SECRET) as address:
        visitor = house.visitor()
        user = visitor.open(address).json
        assert _claims(user) == (houses.EMAIL, houses.NAME, houses.USERNAME), visitor.way


def test_express_openid_connect_signs_out_here_as_well(house: House, folder: Path) -> None:
    with site(house, folder, "express-openid-connect", "--env-file=.env", SECRET=SECRET) as address:
        visitor = house.visitor()
        visitor.open(address)
        visitor.session.get(f"{address}/logout", timeout=SECONDS)
        assert visitor.is_signed_out(), visitor.way


def test_express_openid_connect_is_told_that_a_sign_in_ended(house: House, folder: Path) -> None:
    words, program = ("--env-file=.env",), "told.mjs"
    with (
        site(house, folder, "express-openid-connect", *words, program=program, SECRET=SECRET) as address,
        house.worker(),
    ):
        visitor = house.visitor()
        assert visitor.open(address).json["email"] == houses.EMAIL
        visitor.sign_out()
        visitor.wait_until_sent_away(address)


def test_openid_client(house: House, folder: Path) -> None:
    with site(house, folder, "openid-client") as address:
        visitor = house.visitor()
        _sign_in_and_out(visitor, address)


def test_openid_client_registers_itself(house: House, folder: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    page = connect_pages.pages()["openid-client"]
    values = {"issuer": house.issuer, "site": address, "redirect_uri": address + page.redirect}
    sites.write(folder, page.filled(values).files())
    token = house.server.cli("registration-token", "create")["token"]
    environment = {**house.environment(), "INITIAL_ACCESS_TOKEN": token}
    said = toolchains.said(toolchains.node_program("web", folder, "register.mjs"), folder, environment)
    sites.write(folder, page.filled(values | json.loads(said)).files())
    with started(house, folder, port, "server.mjs"):
        _sign_in_and_out(house.visitor(), address)


def test_openid_client_on_a_device(house: House, folder: Path) -> None:
    sites.write(folder, house.follow("devices", "http://localhost").files())
    said = devices.allowed(house, toolchains.node_program("web", folder, "node/tool.mjs"), folder)
    assert said.splitlines()[-1] == houses.EMAIL


def _sign_in_and_out(visitor: Visitor, address: str) -> None:
    user = visitor.open(f"{address}/login").json
    assert _claims(user) == (houses.EMAIL, houses.NAME, houses.USERNAME), visitor.way
    arrived = visitor.open(f"{address}/logout")
    assert (arrived.url, arrived.json) == (f"{address}/", None), visitor.way
    assert visitor.is_signed_out()


def _claims(user: dict[str, Any]) -> tuple[str, str, str]:
    return user["email"], user["name"], user["preferred_username"]
