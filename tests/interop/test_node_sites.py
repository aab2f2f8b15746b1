"""Sites under Node, set up as docs/connect says: Passport, Auth.js, express-openid-connect, openid-client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop import house as houses
from tests.interop import sites, toolchains
from tests.interop.house import House
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
SECRET = "for this run alone, and as long as a secret ought to be"


@contextlib.contextmanager
def site(house: House, folder: Path, page: str, *words: str, **environment: str) -> Iterator[str]:
    """The page's own program under Node; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    sites.write(folder, house.follow(page, address).files())
    known = {"PORT": str(port), "SESSION_SECRET": SECRET, **house.environment(), **environment}
    command = toolchains.node_program("web", folder, *words, "server.mjs")
    with sites.running(command, folder, port, known):
        yield address
        house.check_name_of(page)


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


def test_express_openid_connect(house: House, folder: Path) -> None:
    with site(house, folder, "express-openid-connect", "--env-file=.env", SECRET=SECRET) as address:
        visitor = house.visitor()
        user = visitor.open(address).json
        assert _claims(user) == (houses.EMAIL, houses.NAME, houses.USERNAME), visitor.way


def test_openid_client(house: House, folder: Path) -> None:
    with site(house, folder, "openid-client") as address:
        visitor = house.visitor()
        user = visitor.open(f"{address}/login").json
        assert _claims(user) == (houses.EMAIL, houses.NAME, houses.USERNAME), visitor.way


def _claims(user: dict[str, Any]) -> tuple[str, str, str]:
    return user["email"], user["name"], user["preferred_username"]
