"""A house with https: a served process behind a proxy of deploy/, one person, and apps registered by their pages."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi
import requests
import trustme

from authserver import connect_pages
from authserver.connect_pages import Page
from tests.interop import sites
from tests.interop.visitor import Visitor
from tests.services import gateways
from tests.support import served
from tests.support.served import PASSWORD, Served, free_port

HOST = "localhost"  # the one name that leads to the loopback network everywhere
EMAIL, NAME, USERNAME = "alice@example.test", "Alice Martin", "alice"
LOG = "access.log"
CADDYFILE = gateways.DEPLOY / "https" / "Caddyfile"


@dataclass
class House:
    """The server as software out there sees it: by https alone."""

    issuer: str
    server: Served
    authority: trustme.CA
    bundle: Path  # what software trusts: everybody's authorities and ours
    folder: Path

    def environment(self) -> dict[str, str]:
        """What a program is started with: nothing of this run's own, and trust in our authority."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        return kept | dict.fromkeys(names, str(self.bundle))

    def certificate(self, folder: Path, *hosts: str) -> tuple[Path, Path]:
        """A certificate and its key for a site of somebody else's."""
        made = self.authority.issue_cert(*(hosts or (HOST, "127.0.0.1")))
        certificate, key = folder / "site.pem", folder / "site.key"
        for number, blob in enumerate(made.cert_chain_pems):
            blob.write_to_path(str(certificate), append=number > 0)
        made.private_key_pem.write_to_path(str(key))
        return certificate, key

    def visitor(self) -> Visitor:
        """The person at a fresh browser; she signs in here when she is asked to."""
        return Visitor(self.issuer, EMAIL, PASSWORD, self.bundle)

    def machine(self, *words: str) -> dict[str, str]:
        """A program that acts for itself: its id and its secret."""
        made = self.server.cli("client", "create", "--name", "Job", "--grant", "client_credentials", *words)
        return {"client_id": made["client_id"], "client_secret": made["client_secret"]}

    def token(self, machine: dict[str, str], **more: str) -> str:
        """An access token of that program."""
        answer = requests.post(
            f"{self.issuer}/oauth/token",
            data={"grant_type": "client_credentials", **machine, **more},
            verify=str(self.bundle),
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def follow(self, name: str, site: str, **values: str) -> Page:
        """Register the app with the very commands of its page; the page with all values filled in.

        `site` is where the software runs, such as http://127.0.0.1:8000.
        """
        page = connect_pages.pages()[name]
        known = {"issuer": self.issuer, "site": site, "redirect_uri": site + page.redirect, **values}
        for command in page.filled(known).commands():
            words = shlex.split(command)
            if words[:1] == ["authserver"]:
                made = self.server.cli(*words[1:])
                known |= {key: value for key, value in made.items() if isinstance(value, str) and key.startswith("cli")}
        return page.filled(known)

    @contextlib.contextmanager
    def worker(self) -> Iterator[None]:
        """`authserver worker` for one block: who tells apps that a sign-in ended."""
        command = [str(served.COMMAND), "worker"]
        with subprocess.Popen(command, cwd=self.server.folder, env=self.server.environment) as process:
            try:
                yield
            finally:
                process.terminate()

    def last_refusal(self) -> str:
        """What an administrator reads of the request that was refused last."""
        email = "ada@example.test"
        self.server.user(email, admin=True)
        admin = Visitor(self.issuer, email, PASSWORD, self.bundle)
        listed = admin.open(f"{self.issuer}/errors")
        newest = re.search(r"/errors/req\w+", listed.text)
        assert newest, (admin.way, listed.text[-3000:])
        return admin.open(self.issuer + newest[0]).text

    def check_name_of(self, page: str) -> None:
        """What a page says of its software's User-Agent is what came with its token requests."""
        agent = connect_pages.pages()[page].agent
        lines = (self.folder / LOG).read_text("utf-8").splitlines()
        asked = [each for each in (json.loads(line)["request"] for line in lines) if each["uri"] == "/oauth/token"]
        named = {name for each in asked for name in each["headers"].get("User-Agent", ())}
        assert not agent or any(name.startswith(agent) for name in named), (agent, named)


@contextlib.contextmanager
def standing(folder: Path, **settings: Any) -> Iterator[House]:
    """A house for one block."""
    port = free_port()
    issuer = f"https://{HOST}:{port}"
    authority = trustme.CA()
    bundle = folder / "authorities.pem"
    bundle.write_text(Path(certifi.where()).read_text("utf-8"), "utf-8")
    authority.cert_pem.write_to_path(str(bundle), append=True)
    bundle.chmod(0o644)  # for servers that run under an account of their own
    # Sites of the tests are at home in the loopback network: who tells them of a sign-out has to be let there.
    known = {
        "trusted_proxies": "127.0.0.1/32",
        "outbound_allow": "127.0.0.0/8",
        "outbound_ca": bundle,
        "workers": 1,
        **settings,
    }
    server = served.shared(served.KINDS[0], issuer=issuer, **known)
    house = House(issuer, server, authority, bundle, folder)
    server.cli("user", "create", EMAIL, "--name", NAME, "--password-stdin", stdin=PASSWORD + "\n")
    with _proxy(house, port, int(server.issuer.rpartition(":")[2])):
        yield house


@contextlib.contextmanager
def _proxy(house: House, port: int, behind: int) -> Iterator[subprocess.Popen[bytes]]:
    """Caddy with the file of deploy/: only the names, the port and the certificate are replaced."""
    certificate, key = house.certificate(house.folder, HOST)
    text, log = CADDYFILE.read_text("utf-8"), f"log {{\n\t\toutput file {house.folder / LOG}\n\t}}"
    for old, new in {
        "/etc/ssl/auth.example.com.pem": str(certificate),
        "/etc/ssl/auth.example.com.key": str(key),
        "https://auth.example.com {": f"https://{HOST}:{port} {{\n\tbind 127.0.0.1\n\t{log}",
        "127.0.0.1:8000\n}": f"127.0.0.1:{behind}\n}}",
        # Java names no host without a dot in its handshake; names of the real world need no such default.
        "\tadmin off\n": f"\tadmin off\n\tdefault_sni {HOST}\n",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    file = house.folder / "Caddyfile"
    file.write_text(text, "utf-8")
    command = [gateways.program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]
    with sites.running(command, house.folder, port, {"XDG_DATA_HOME": str(house.folder), **os.environ}) as process:
        yield process
