"""Apache of Debian with its two modules, set up as docs/connect says."""

from __future__ import annotations

import contextlib
import html
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from authserver.connect_pages import Page
from tests.interop import house as houses
from tests.interop import sites
from tests.interop.house import House
from tests.services import missing
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
MODULES = Path("/usr/lib/apache2/modules")
MAIN = """
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
LogLevel warn {module}:debug
DocumentRoot {folder}/www
{user}
{modules}
Header set X-Email "expr=%{{reqenv:OIDC_CLAIM_email}}"
Header set X-Name "expr=%{{reqenv:OIDC_CLAIM_name}}"
Header set X-User "expr=%{{REMOTE_USER}}"
{pages}
"""
LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "dir", "headers")


@contextlib.contextmanager
def apache(house: House, folder: Path, port: int, page: Page, module: str, package: str) -> Iterator[str]:
    """An Apache of its own with one of the modules and all that the page says."""
    program = sites.program("apache2", "apache2")
    if not (MODULES / f"mod_{module}.so").exists():
        missing.skip_or_fail(f"mod_{module} is not installed", f"sudo apt-get install -y {package}")
    files = page.files()
    sites.write(
        folder, {**files, "www/secure/index.html": "in", "www/api/index.html": "in", "www/asked/index.html": "in"}
    )
    modules = [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in (*LOADED, module)]
    text = MAIN.format(
        folder=folder, port=port, module=module, modules="\n".join(modules), user="User www-data\nGroup www-data",
        pages="\n".join(f"Include {folder}/{name}" for name in files),
    )  # fmt: skip
    sites.write(folder, {"apache.conf": text})
    for each in (folder, *folder.parents):  # its workers give their rights away
        if each.is_relative_to("/tmp") and each != Path("/tmp"):
            each.chmod(0o755)
    command = sites.trusting(house.bundle, [program, "-f", str(folder / "apache.conf"), "-DFOREGROUND"])
    with sites.running(command, folder, port, {"PATH": os.environ["PATH"]}):
        yield f"http://127.0.0.1:{port}"


def test_mod_auth_openidc(house: House, folder: Path) -> None:
    port = free_port()
    page = house.follow("mod-auth-openidc", f"http://127.0.0.1:{port}")
    with apache(house, folder, port, page, "auth_openidc", "libapache2-mod-auth-openidc") as address:
        visitor = house.visitor()
        arrived = visitor.open(f"{address}/secure/")
        told = dict(arrived.headers)
        shown = [told.get(name) for name in ("X-Email", "X-Name", "X-User")]
        log = (folder / "error.log").read_text()[-3000:]
        assert shown == [houses.EMAIL, houses.NAME, houses.EMAIL], (visitor.way, arrived.text[:2000], log)
        house.check_name_of("mod-auth-openidc")


def test_mod_auth_openidc_takes_our_errors_for_a_sign_in_from_elsewhere(house: House, folder: Path) -> None:
    """As its page says: the reason is to be read here, not there."""
    port = free_port()
    page = house.follow("mod-auth-openidc", f"http://127.0.0.1:{port}")
    with apache(house, folder, port, page, "auth_openidc", "libapache2-mod-auth-openidc") as address:
        asked = house.visitor().session.get(f"{address}/secure/", allow_redirects=False, timeout=20)
        back = house.visitor().session
        back.cookies.update(asked.cookies)
        state = parse_qs(urlsplit(asked.headers["Location"]).query)["state"][0]
        error = {"error": "access_denied", "state": state, "iss": house.issuer}
        shown = html.unescape(back.get(f"{address}/secure/redirect_uri", params=error, timeout=20).text)
        assert 'SSO to this module without specifying a "target_link_uri" parameter is not possible' in shown


def test_mod_auth_openidc_signs_out_here_as_well(house: House, folder: Path) -> None:
    port = free_port()
    page = house.follow("mod-auth-openidc", f"http://127.0.0.1:{port}")
    with apache(house, folder, port, page, "auth_openidc", "libapache2-mod-auth-openidc") as address:
        visitor = house.visitor()
        visitor.open(f"{address}/secure/")
        arrived = visitor.open(f"{address}/secure/redirect_uri?logout={address}/")
        assert arrived.url == f"{address}/", (visitor.way, arrived.text[:2000])
        assert visitor.is_signed_out(), visitor.way


def test_mod_auth_openidc_is_told_that_a_sign_in_ended(house: House, folder: Path) -> None:
    port = free_port()
    page = house.follow("mod-auth-openidc", f"http://127.0.0.1:{port}")
    with apache(house, folder, port, page, "auth_openidc", "libapache2-mod-auth-openidc") as address, house.worker():
        visitor = house.visitor()
        assert visitor.open(f"{address}/secure/").status == 200, visitor.way
        visitor.sign_out()
        visitor.wait_until_sent_away(f"{address}/secure/")


RESOURCE = "https://api.example.test"


@pytest.mark.parametrize("path", ["/api/", "/asked/"])
def test_mod_oauth2(house: House, folder: Path, path: str) -> None:
    port = free_port()
    page = house.follow("mod-oauth2", f"http://127.0.0.1:{port}", resource=RESOURCE)
    job = house.machine("--resource", RESOURCE)
    other = house.machine()
    with apache(house, folder, port, page, "oauth2", "libapache2-mod-oauth2") as address:

        def ask(token: str) -> int:
            return requests.get(address + path, headers={"Authorization": f"Bearer {token}"}, timeout=20).status_code

        good, elsewhere = house.token(job, resource=RESOURCE), house.token(other)
        log = (folder / "error.log").read_text
        assert ask(good) == 200, log()[-3000:]
        assert ask(elsewhere) == 401, log()[-3000:]
        assert ask(good[:-4] + "AAAA") == 401
        assert requests.get(address + path, timeout=20).status_code == 401
