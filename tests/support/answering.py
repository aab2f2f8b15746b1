"""A host on this machine that answers each path as it is told: right and wrong servers of tests are made of it."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Host:
    """`rows`: method and path → status, headers, body; `got` are the requests in their order."""

    origin: str = ""
    rows: dict[tuple[str, str], tuple[int, Mapping[str, str], bytes]] = field(default_factory=dict)
    got: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def say(self, method: str, path: str, status: int = 200, body: Any = None, **headers: str) -> None:
        """Answer so from now on; `body` bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.rows[method, path] = status, {"Content-Type": "application/json", **named}, content

    def forget(self, method: str, path: str) -> None:
        self.rows.pop((method, path), None)


@contextlib.contextmanager
def host() -> Iterator[Host]:
    """One of them, until the end of the block."""
    made = Host()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.got.append((self.command, self.path, headers))
            path = self.path.partition("?")[0]
            status, sent, body = made.rows.get((self.command, path), (404, {}, b"nothing"))
            self.send_response(status)
            for name, value in sent.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_OPTIONS = do_DELETE = answer

        def log_message(self, *_args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.origin = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
