"""The examples of MCP, with the official SDK: from a 401 to a called tool, by each way in which a client is known."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import certifi
import pytest
import requests
import trustme

from authserver import connect_pages
from tests.interop import documents, sites
from tests.interop.visitor import Visitor
from tests.support import served
from tests.support.served import PASSWORD, ROOT, Served, free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
EXAMPLES = ROOT / "examples"
SECONDS = 90


@dataclass
class Mcp:
    """The authorization server, an MCP server that trusts it, and the SDK's Python."""

    server: Served
    python: Path
    url: str
    bundle: Path
    authority: trustme.CA
    known: str  # the client that the page registers


@pytest.fixture(scope="module")
def mcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mcp]:
    folder, port, python = tmp_path_factory.mktemp("mcp"), free_port(), sites.python("mcp")
    authority, bundle = trustme.CA(), folder / "authorities.pem"
    bundle.write_text(Path(certifi.where()).read_text("utf-8"), "utf-8")
    authority.cert_pem.write_to_path(str(bundle), append=True)
    server = served.shared(
        served.KINDS[0], registration="open", outbound_allow="localhost,127.0.0.0/8,::1/128", outbound_ca=str(bundle),
        workers=1,
    )  # fmt: skip
    url, known = f"http://127.0.0.1:{port}/mcp", ""
    values = {"issuer": server.issuer, "resource": url, "redirect_uri": "http://127.0.0.1/callback"}
    for command in connect_pages.pages()["mcp"].filled(values).commands():
        known = server.cli(*shlex.split(command)[1:]).get("client_id", known)
    environment = {**os.environ, "ISSUER": server.issuer, "RESOURCE": url}
    start = [str(python), str(EXAMPLES / "mcp_server" / "server.py"), str(port)]
    with sites.running(start, folder, port, environment):
        yield Mcp(server, python, url, bundle, authority, known)


def allow_and_call(mcp: Mcp, **variables: str) -> str:
    """Start the client, allow it as Alice in a browser, and read what its tool answered."""
    email = "alice@example.test"
    mcp.server.user(email)
    environment = {**os.environ, "PORT": str(free_port()), "BROWSER": "true", **variables}
    client = subprocess.Popen(
        [str(mcp.python), str(EXAMPLES / "mcp_client" / "client.py"), mcp.url, "read_notes"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    watch = threading.Timer(SECONDS, client.kill)
    watch.start()
    try:
        assert client.stdout is not None
        said = ""
        for line in client.stdout:
            said += line
            if found := re.match(r"Allow it here: (\S+)", line):
                visitor = Visitor(mcp.server.issuer, email, PASSWORD, mcp.bundle)
                arrived = visitor.open(found[1])
                assert "You can close this window" in arrived.text, (visitor.way, arrived.text[:3000])
        assert client.wait(SECONDS) == 0, said
        return said
    finally:
        watch.cancel()
        client.kill()


def test_the_server_answers_a_stranger_with_the_way_here(mcp: Mcp) -> None:
    answer = requests.post(mcp.url, json={}, timeout=30)
    assert answer.status_code == 401
    found = re.search(r'resource_metadata="([^"]+)"', answer.headers["WWW-Authenticate"])
    assert found is not None
    said = requests.get(found[1], timeout=30).json()
    assert (said["resource"], said["authorization_servers"]) == (mcp.url, [mcp.server.issuer])


def test_the_doctor_finds_nothing_that_stops_a_client(mcp: Mcp) -> None:
    found = {each["check"]: each for each in mcp.server.cli("doctor", "--mcp", mcp.url)}
    assert [each for each in found.values() if each["state"] == "bad"] == []
    assert "from here a person signs in" in found["authorization"]["text"]


def test_the_doctor_with_a_secret_calls_the_server(mcp: Mcp) -> None:
    made = mcp.server.cli("client", "create", "--name", "Job", "--grant", "client_credentials", "--resource", mcp.url,
                          "--scope", "notes:read notes:write")  # fmt: skip
    words = ("doctor", "--mcp", mcp.url, "--client-id", made["client_id"], "--client-secret-stdin")
    found = mcp.server.cli(*words, stdin=made["client_secret"] + "\n")
    assert {each["check"]: each["text"] for each in found}["call"] == "the MCP server takes the token"


def test_by_registration(mcp: Mcp) -> None:
    assert "Milk, bread" in allow_and_call(mcp)


def test_by_a_client_id_metadata_document(mcp: Mcp) -> None:
    with documents.served(mcp.authority, "http://127.0.0.1/callback") as url:
        assert "Milk, bread" in allow_and_call(mcp, CLIENT_METADATA_URL=url)


def test_by_a_client_that_somebody_registered(mcp: Mcp) -> None:
    assert "Milk, bread" in allow_and_call(mcp, CLIENT_ID=mcp.known)


def test_an_example_of_a_server_is_short() -> None:
    assert len((EXAMPLES / "mcp_server" / "server.py").read_text().splitlines()) < 60
