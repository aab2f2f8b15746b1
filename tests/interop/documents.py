"""A client id metadata document at https://localhost, as a client's maker would serve it."""

from __future__ import annotations

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import trustme

from tests.support.served import free_port


@contextlib.contextmanager
def served(authority: trustme.CA, redirect_uri: str) -> Iterator[str]:
    """https://localhost:<port> with a document at /client.json; its URL."""
    certificate = authority.issue_cert("localhost")
    port = free_port()
    url = f"https://localhost:{port}/client.json"
    body = json.dumps({
        "client_id": url, "client_name": "Example MCP client", "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none",
    }).encode()  # fmt: skip

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Nothing."""

    host = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    host.socket = context.wrap_socket(host.socket, server_side=True)
    threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield url
    finally:
        host.shutdown()
        host.server_close()
