"""Flask sites, set up as docs/connect says: Authlib, flask-oidc, Flask-pyoidc."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import house as houses
from tests.interop import sites
from tests.interop.house import House
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop]


@contextlib.contextmanager
def site(house: House, folder: Path, page: str, python: str | Path, wrong: str = "") -> Iterator[str]:
    """A Flask site that is what its page shows, but for a secret with `wrong` in front; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    files = house.follow(page, address).files()
    sites.write(folder, {name: text.replace("kaie_cs_", f"{wrong}kaie_cs_") for name, text in files.items()})
    command = [str(python), "-m", "flask", "--app", "app", "run", "--port", str(port)]
    with sites.running(command, folder, port, house.environment()):
        yield address
        house.check_name_of(page)


def sign_in(house: House, address: str, path: str) -> None:
    """The person goes to a page that wants to know who she is, and is shown who she is."""
    visitor = house.visitor()
    arrived = visitor.open(address + path)
    assert arrived.url == address + "/", (visitor.way, arrived.text[:3000])
    person = arrived.json
    assert (person["email"], person["name"]) == (houses.EMAIL, houses.NAME), person


def test_authlib(house: House, folder: Path) -> None:
    """It needs no installation: this project's own tests use it."""
    with site(house, folder, "flask-authlib", sys.executable) as address:
        sign_in(house, address, "/login")


def test_authlib_with_a_wrong_secret_is_told_where_that_stands(house: House, folder: Path) -> None:
    with site(house, folder, "flask-authlib", sys.executable, wrong="x") as address:
        house.visitor().open(address + "/login")
    why = house.last_refusal()
    assert "The request looks like one of Flask with Authlib." in why, why[-4000:]
    assert "client_secret=&#34;YOUR_CLIENT_SECRET&#34;," in why and "fits none" in why


@pytest.mark.long_interop
@pytest.mark.parametrize("page", ["flask-oidc", "flask-pyoidc"])
def test_a_person_arrives_with_email_and_name(house: House, folder: Path, page: str) -> None:
    with site(house, folder, page, sites.python("flask")) as address:
        sign_in(house, address, "/")
