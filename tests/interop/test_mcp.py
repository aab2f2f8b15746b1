"""The examples of MCP, with the official SDK: from a 401 to a called tool, by each way in which a client is known."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
STEPS = Path(__file__).parent / "python" / "mcp_steps.py"
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
    return allowed(mcp, [str(EXAMPLES / "mcp_client" / "client.py"), mcp.url, "read_notes"], **variables)


def allowed(mcp: Mcp, command: list[str], **variables: str) -> str:
    """What a program of the SDK says, with Alice allowing whatever it asks for."""
    email = "alice@example.test"
    mcp.server.user(email)
    environment = {**os.environ, "PORT": str(free_port()), "BROWSER": "true", **variables}
    client = subprocess.Popen(
        [str(mcp.python), *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
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


def test_it_refreshes_and_steps_up_by_the_union_of_scopes(mcp: Mcp) -> None:
    """A spent token is replaced without anybody, and what is missing is asked for beside what the client has."""
    with steps(mcp) as url:
        said = allowed(mcp, [str(STEPS), url])
    found = [line.split() for line in said.splitlines() if line.startswith("STEP")]
    words = {number: (step, status) for number, (_, step, status, *_) in enumerate(found)}
    assert words == {0: ("read", "200"), 1: ("later", "200"), 2: ("write", "200"), 3: ("read", "200")}, said
    scopes = [set(each[3:-1]) - {"offline_access"} for each in found]
    assert scopes == [{"steps:read"}, {"steps:read"}, *[{"steps:read", "steps:write"}] * 2], said
    tokens = [each[-1] for each in found]
    assert len(set(tokens[:3])) == 3 and tokens[2] == tokens[3], said
    assert said.count("Allow it here: ") == 2, "once at first, and once for more"


@contextlib.contextmanager
def steps(mcp: Mcp) -> Iterator[str]:
    """An API with two operations, each with a scope of its own, which asks the server about every token."""
    url = f"http://127.0.0.1:{free_port()}/api"
    mcp.server.cli("resource", "create", url, "--name", "Steps", "--scope", "steps:read steps:write", "--open")
    made = mcp.server.cli("client", "create", "--name", "Steps", "--resource-server", url)
    asker = (made["client_id"], made["client_secret"])
    described = url.replace("/api", "/.well-known/oauth-protected-resource/api")

    class Api(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/.well-known/"):
                there = described.endswith(self.path)
                return self.say(200 if there else 404, {"resource": url, "authorization_servers": [mcp.server.issuer]})
            needed = f"steps:{self.path.rpartition('/')[2]}"
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            found = requests.post(
                f"{mcp.server.issuer}/oauth/introspect", {"token": token or "none"}, auth=asker, timeout=30
            ).json()
            if not found["active"] or found["aud"] != url:
                return self.say(401, {}, f'Bearer resource_metadata="{described}", scope="{needed}"')
            if needed not in found["scope"].split():
                return self.say(403, {}, f'Bearer error="insufficient_scope", scope="{needed}"')
            return self.say(200, {})

        def say(self, status: int, body: Any, challenge: str = "") -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(text)))):
                self.send_header(name, value)
            if challenge:
                self.send_header("WWW-Authenticate", challenge)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    port = int(url.rpartition(":")[2].removesuffix("/api"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Api) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield url
        listening.shutdown()


def test_an_example_of_a_server_is_short() -> None:
    assert len((EXAMPLES / "mcp_server" / "server.py").read_text().splitlines()) < 60
