"""A third party's web site: a link that signs in with us, a callback, and a page that greets whom we name."""

from __future__ import annotations

import contextlib
import html
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.browsing import OverHttp
from tests.support.third_party import App, Request


@dataclass
class Site:
    """What it knows: who it is for us, the requests under way, the tokens it got."""

    port: int = 0
    app: App = field(default_factory=lambda: App("", OverHttp(), ""))
    changes: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Request] = field(default_factory=dict)
    tokens: list[dict[str, Any]] = field(default_factory=list)

    @property
    def home(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str) -> tuple[int, str]:
        """Status and either a page or an address to go to."""
        if path.startswith("/callback"):
            return 200, self._callback(dict(parse_qsl(urlsplit(path).query)))
        if path.startswith("/go"):
            asked = self.app.ask(**self.changes)
            self.asked[asked.state] = asked
            return 303, asked.url
        return (200, '<a href="/go">Sign in with Kaie</a>') if path == "/" else (404, "")

    def _callback(self, got: dict[str, str]) -> str:
        asked = self.asked.pop(got.get("state", ""), None)
        if asked is None or got.get("iss") != self.app.issuer:
            return "<h1>Somebody else's answer</h1>"
        if "error" in got:
            return f"<h1>Not signed in: {html.escape(got['error'])}</h1>"
        found = self.app.redeem(got["code"], asked.verifier).json
        self.tokens.append(found)
        person = self.app.userinfo(found["access_token"]).json
        return f"<h1>Hello {html.escape(person.get('email', person['sub']))}</h1><p>{html.escape(found['scope'])}</p>"


@contextlib.contextmanager
def open_site() -> Iterator[Site]:
    """The site on a free port of this machine."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, what = site.answer(self.path)
            body = b"" if status == 303 else f"<!doctype html><title>A site</title>{what}".encode()
            self.send_response(status)
            self.send_header("Location" if status == 303 else "Content-Type", what if status == 303 else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
