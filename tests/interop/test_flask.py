"""Flask sites, set up as docs/connect says: flask-oidc, Flask-pyoidc."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import house as houses
from tests.interop import sites
from tests.interop.house import House
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]


@contextlib.contextmanager
def site(house: House, folder: Path, page: str) -> Iterator[str]:
    """A Flask site that is what its page shows; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    sites.write(folder, house.follow(page, address).files())
    command = [str(sites.python("flask")), "-m", "flask", "--app", "app", "run", "--port", str(port)]
    with sites.running(command, folder, port, house.environment()):
        yield address


@pytest.mark.parametrize(("page", "path"), [("flask-oidc", "/"), ("flask-pyoidc", "/")])
def test_a_person_arrives_with_email_and_name(house: House, folder: Path, page: str, path: str) -> None:
    with site(house, folder, page) as address:
        visitor = house.visitor()
        arrived = visitor.open(address + path)
        assert arrived.url == address + "/", (visitor.way, arrived.text[:3000])
        person = arrived.json
        assert (person["email"], person["name"]) == (houses.EMAIL, houses.NAME), person
