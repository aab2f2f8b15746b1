"""An API that asks the server about each credential (RFC 7662): access tokens, API keys, JWTs of clients."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

ISSUER, CLIENT = os.environ["ISSUER"], (os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])
session = requests.Session()  # keeps the connection


def look_up(credential, client_ip):
    """What the server knows about a credential; its request is counted against the credential's rate limit.

    An API key may be good from some networks alone: the server judges the address that we name. Behind a proxy that is
    the one the proxy vouches for, not its own.
    """
    form = {"token": credential, "rate_limit": "consume", "client_ip": client_ip}
    answer = session.post(f"{ISSUER}/oauth/introspect", data=form, auth=CLIENT, timeout=5)
    answer.raise_for_status()
    return answer.json()


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        scheme, _, credential = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return self.answer(401, {"error": "invalid_token"}, {"WWW-Authenticate": "Bearer"})
        try:
            found = look_up(credential, self.client_address[0])
        except requests.RequestException:
            return self.answer(503, {"error": "temporarily_unavailable"}, {"Retry-After": "2"})
        if not found["active"]:
            return self.answer(401, {"error": "invalid_token"}, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
        limit = found["rate_limit"]
        if not limit["allowed"]:
            return self.answer(429, {"error": "slow_down"}, {"Retry-After": str(limit["retry_after"])})
        if "workflows:read" not in found.get("scope", "").split():
            return self.answer(403, {"error": "insufficient_scope"}, {"WWW-Authenticate": "Bearer"})
        left = {"X-RateLimit-Remaining": str(limit["remaining"])}
        return self.answer(200, {"reports": ["January", "February"], "read_by": found["sub"]}, left)

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
