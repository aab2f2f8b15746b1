"""Django sites, set up as docs/connect says: allauth, mozilla-django-oidc, Python Social Auth."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import house as houses
from tests.interop import sites
from tests.interop.house import House
from tests.interop.visitor import Visitor
from tests.support.browsing import Answer
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
PROJECT = Path(__file__).parent / "django" / "project.py"


@contextlib.contextmanager
def site(house: House, folder: Path, page: str, uses: str) -> Iterator[str]:
    """A Django site with the page's settings; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    sites.write(folder, house.follow(page, address).files())
    command = [str(sites.python("django")), str(PROJECT)]
    environment = {**house.environment(), "PROJECT_USES": uses}
    subprocess.run([*command, "migrate", "-v", "0"], cwd=folder, env=environment, check=True, timeout=120)
    with sites.running([*command, "runserver", "--noreload", f"127.0.0.1:{port}"], folder, port, environment):
        yield address


def test_allauth(house: House, folder: Path) -> None:
    with site(house, folder, "django-allauth", "allauth") as address:
        visitor = house.visitor()
        arrived = visitor.press(visitor.open(f"{address}/accounts/oidc/my-server/login/"))
        assert arrived.json == {
            "signed_in": True,
            "username": houses.USERNAME,
            "email": houses.EMAIL,
            "name": houses.NAME,
        }, (visitor.way, arrived.text[:3000])


def test_allauth_leads_to_our_sign_out(house: House, folder: Path) -> None:
    with site(house, folder, "django-allauth", "allauth") as address:
        visitor = house.visitor()
        visitor.press(visitor.open(f"{address}/accounts/oidc/my-server/login/"))
        asked = visitor.press(visitor.open(f"{address}/accounts/logout/"))
        assert asked.url.startswith(f"{house.issuer}/"), visitor.way
        _confirm(visitor, asked, address)


def test_mozilla_django_oidc(house: House, folder: Path) -> None:
    with site(house, folder, "mozilla-django-oidc", "mozilla") as address:
        visitor = house.visitor()
        arrived = visitor.open(f"{address}/oidc/authenticate/")
        assert arrived.json["signed_in"] and arrived.json["email"] == houses.EMAIL, (visitor.way, arrived.text[:3000])


def test_mozilla_django_oidc_signs_out_here_as_well(house: House, folder: Path) -> None:
    with site(house, folder, "mozilla-django-oidc", "mozilla") as address:
        visitor = house.visitor()
        visitor.open(f"{address}/oidc/authenticate/")
        arrived = visitor.press(visitor.open(f"{address}/sign-out"))
        assert arrived.url == f"{address}/", (visitor.way, arrived.text[:1500])
        assert not arrived.json["signed_in"]
        assert visitor.is_signed_out()


def test_social_auth(house: House, folder: Path) -> None:
    with site(house, folder, "social-auth", "social") as address:
        visitor = house.visitor()
        arrived = visitor.press(visitor.open(f"{address}/button"))
        assert arrived.json == {
            "signed_in": True,
            "username": houses.USERNAME,
            "email": houses.EMAIL,
            "name": houses.NAME,
        }, (visitor.way, arrived.text[:3000])


def _confirm(visitor: Visitor, asked: Answer, address: str) -> None:
    """Say yes where our page asks, and come back to a site that knows nobody."""
    arrived = visitor.press(asked, "/oauth/logout/confirm")
    assert arrived.url == f"{address}/" and not arrived.json["signed_in"], (visitor.way, arrived.text[:2000])
    assert visitor.is_signed_out()
