"""A host of client id metadata documents, on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Host:
    """What is found at its paths; `asked` are those that somebody asked for, with the headers of the last one."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.found: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}

    def publish(self, path: str = "/client.json", *, document: Any = None, **changes: Any) -> str:
        """Put a document there, by default a good one with these members changed; its URL."""
        url = self.origin + path
        said = {
            "client_id": url, "client_name": "Notes agent", "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none", **changes,
        }  # fmt: skip
        kept = {name: value for name, value in said.items() if value is not None}
        body = document if isinstance(document, bytes) else json.dumps(document or kept).encode()
        self.put(path, body)
        return url

    def put(self, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        sent = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        self.found[path] = (status, sent, body)


@contextmanager
def host() -> Iterator[Host]:
    """One of them, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            made.headers = {name.lower(): value for name, value in self.headers.items()}
            status, headers, body = made.found.get(self.path, (404, {"content-type": "text/plain"}, b"nothing"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Host(server.server_address[1])
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
