"""The demo as a served process, and the people in it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from authserver.domain.demo.seeding import ADMIN, ALICE, FIXED_PASSWORDS
from tests.support import served
from tests.support.browsing import Answer, Browser, OverHttp
from tests.support.third_party import App

PASSWORD = "a walk along the river bank"
RECENT_SECONDS = 150  # well within the time after which the password is asked again


@dataclass
class Demo:
    """A running demo with its fixed passwords."""

    issuer: str
    folder: Path
    process: subprocess.Popen[bytes]
    passwords: dict[str, str] = field(default_factory=lambda: dict(FIXED_PASSWORDS))
    _browsers: dict[str, tuple[float, Browser]] = field(default_factory=dict)

    @property
    def card(self) -> dict[str, str]:
        """What the demo prints: its secrets by name."""
        return dict(json.loads((self.folder / "var" / "demo" / "card.json").read_text()))

    def visitor(self) -> Browser:
        """Somebody unknown, without scripts."""
        return Browser(self.issuer, OverHttp())

    def browser(self, email: str) -> Browser:
        """This person's browser, signed in lately; over HTTP alone, so that it is quick."""
        signed_in_at, browser = self._browsers.get(email, (0.0, None))
        if browser is None or time.monotonic() - signed_in_at > RECENT_SECONDS:
            browser = self.visitor()
            browser.sign_in(email, self.passwords[email])
            self._browsers[email] = time.monotonic(), browser
        return browser

    def cookies(self, email: str) -> dict[str, str]:
        """The cookies of this person's sign-in, for a window."""
        return self.browser(email).wire.cookies() if email else {}

    def welcome_link(self, email: str, name: str = "") -> str:
        """An administrator makes an account; the link that they hand over."""
        made = self.browser(ADMIN).fill("/admin/users/new", email=email, name=name)
        found = re.search(r"http://[^\s\"<]+/welcome/[^\s\"<]+", made.text)
        assert found, made.text
        return found[0]

    def person(self, name: str) -> str:
        """A new person with PASSWORD; their email."""
        email = f"{name.lower().replace(' ', '.')}@demo.test"
        if email not in self.passwords:
            path = urlsplit(self.welcome_link(email, name)).path
            self.visitor().fill(path, new_password=PASSWORD)
            self.passwords[email] = PASSWORD
        return email

    def key(self, email: str, name: str, **fields: Any) -> str:
        """An API key made through its form; the id."""
        made = self.browser(email).fill("/settings/api-keys/new", name=name, **fields)
        return _id(made, r"/settings/api-keys/([^/\"]+)/revoke")

    def app(self, email: str, name: str, kind: str = "web", **fields: Any) -> App:
        """An app registered through its form."""
        made = self.browser(email).fill(f"/apps/new?kind={kind}", name=name, **fields)
        secret = re.search(r"\bkaie_cs_\w+", made.text)
        client_id = _id(made, r"/apps/([^/\"?]+)(?:/quickstart)?\"")
        callback = str(fields.get("redirect_uris-0", ""))
        return App(self.issuer, OverHttp(), client_id, secret[0] if secret else "", redirect_uri=callback)


def _id(page: Answer, pattern: str) -> str:
    found = [each for each in re.findall(pattern, page.text) if each not in {"new", "import"}]
    assert found, (page.status, page.text)
    return str(found[-1])


@contextlib.contextmanager
def running() -> Iterator[Demo]:
    """A demo in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="authserver-demo-"))
    port = served.free_port()
    given = served.environment("", folder, port, signup="on")
    left_out = {"AUTHSERVER_SECRET_KEY", "AUTHSERVER_DATABASE_URL", "AUTHSERVER_DATA_DIR", "AUTHSERVER_ISSUER"}
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [str(served.COMMAND), "demo", "--no-browser", "--fixed-credentials", "--port", str(port)],
            cwd=folder,
            env={name: value for name, value in given.items() if name not in left_out},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    demo = Demo(f"http://localhost:{port}", folder, process)
    try:
        _wait(demo)
        yield demo
        assert "Traceback" not in (folder / "server.log").read_text()
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(demo: Demo) -> None:
    deadline = time.monotonic() + served.START_SECONDS
    while time.monotonic() < deadline and demo.process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(demo.issuer + "/readyz", timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the demo did not start:\n" + (demo.folder / "server.log").read_text()[-4000:])


__all__ = ["ADMIN", "ALICE", "PASSWORD", "Demo", "running"]
