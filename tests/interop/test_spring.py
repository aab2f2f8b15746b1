"""Spring Boot, set up as docs/connect says: as a site where people sign in, and as an API."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.interop import house as houses
from tests.interop import sites, toolchains
from tests.interop.house import House
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
PROJECT = Path(__file__).parent / "java"
RELEASES = ("3.5.7", "4.0.7")


@contextlib.contextmanager
def running(house: House, folder: Path, release: str, files: Mapping[str, str], port: int) -> Iterator[str]:
    """The project with a page's files, compiled and started; its address."""
    sites.write(folder / "classes", files)
    libraries = f"{toolchains.java_libraries(PROJECT / 'pom.xml', release)}/*"
    sources = [str(PROJECT / "Site.java"), *map(str, (folder / "classes").glob("*.java"))]
    javac = sites.program("javac", "default-jdk-headless")
    toolchains.build([javac, "-parameters", "-d", "classes", "-cp", libraries, *sources], folder)
    java = [sites.program("java", "default-jdk-headless"), *toolchains.java_trust(house.authority, folder)]
    where = [f"--server.port={port}", "--server.address=127.0.0.1"]
    command = [*java, "-XX:TieredStopAtLevel=1", "-cp", f"classes:{libraries}", "com.example.Site", *where]
    with sites.running(command, folder, port, house.environment()):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("release", RELEASES)
def test_a_person_signs_in(house: House, folder: Path, release: str) -> None:
    port = free_port()
    page = house.follow("spring-boot", f"http://127.0.0.1:{port}")
    with running(house, folder, release, page.files(), port) as address:
        visitor = house.visitor()
        arrived = visitor.open(f"{address}/")
        expected = {"name": houses.NAME, "email": houses.EMAIL, "username": houses.USERNAME}
        assert arrived.json == expected, (visitor.way, log(folder))


@pytest.mark.parametrize("release", RELEASES)
def test_a_person_signs_out_on_both_sides_and_from_both(house: House, folder: Path, release: str) -> None:
    port = free_port()
    page = house.follow("spring-boot", f"http://127.0.0.1:{port}")
    files = {name.removeprefix("logout/"): text for name, text in page.files().items()}
    with running(house, folder, release, files, port) as address, house.worker():
        visitor = house.visitor()
        assert visitor.open(f"{address}/").status == 200, log(folder)
        asked = visitor.open(f"{address}/logout")
        visitor.session.post(f"{address}/logout", data=asked.forms[0].filled(), timeout=60)
        assert visitor.is_signed_out(), log(folder)
        assert visitor.open(f"{address}/").json["email"] == houses.EMAIL, visitor.way
        visitor.sign_out()
        visitor.wait_until_sent_away(f"{address}/")


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("way", ["asking", "reading", "plain"])
def test_an_api_takes_the_tokens_made_for_it(house: House, folder: Path, release: str, way: str) -> None:
    port = free_port()
    resource = f"https://{way}.example.test"
    page = house.follow("spring-boot-api", f"http://127.0.0.1:{port}", resource=resource)
    files = {name.removeprefix(f"{way}/"): text for name, text in page.files().items() if name.startswith(f"{way}/")}
    if "declaration.toml" in files:
        sites.write(folder, {"declaration.toml": files.pop("declaration.toml")})
        house.server.cli("apply", str(folder / "declaration.toml"))
    scope = ("--scope", "workflows:read")
    job = house.machine("--resource", resource, *scope)
    stranger = house.machine(*scope)
    with running(house, folder, release, files, port) as address:

        def ask(token: str) -> requests.Response:
            return requests.get(f"{address}/", headers={"Authorization": f"Bearer {token}"}, timeout=60)

        good = house.token(job, resource=resource)
        answer = ask(good)
        assert answer.status_code == 200, (answer.headers, log(folder))
        said: dict[str, Any] = answer.json()
        assert said["subject"] == job["client_id"]
        assert "SCOPE_workflows:read" in said["authorities"]
        assert ask(house.token(stranger)).status_code == 401
        assert ask(good[:-4] + "AAAA").status_code == 401
        assert requests.get(f"{address}/", timeout=60).status_code == 401


def log(folder: Path) -> str:
    return (folder / "site.log").read_text("utf-8", "replace")[-4000:]
