"""An API that checks access tokens by itself: only the server's public keys are fetched, and kept."""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]
CLAIMS = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    exp={"essential": True},
    sub={"essential": True},
    leeway=30,
)


class Keys:
    """The public keys of the server; asked for again when an unknown one is met, at most once a minute."""

    def __init__(self):
        self.known, self.fetched_at = KeySet([]), float("-inf")

    def verify(self, token):
        try:
            return jwt.decode(token, self.known, algorithms=["ES256"])
        except (JoseError, ValueError):
            if time.monotonic() - self.fetched_at < 60:
                raise
        metadata = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=5).json()
        self.known = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=5).json())
        self.fetched_at = time.monotonic()
        return jwt.decode(token, self.known, algorithms=["ES256"])


keys = Keys()


def claims_of(token):
    """The claims of an access token that is good here, or None."""
    try:
        verified = keys.verify(token)
        CLAIMS.validate(verified.claims)
    except (JoseError, ValueError):
        return None
    # An ID token is signed with the same keys; it is no access token (RFC 9068 section 4).
    return verified.claims if verified.header.get("typ", "").lower() == "at+jwt" else None


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        claims = claims_of(token) if scheme.lower() == "bearer" else None
        if claims is None:
            return self.answer(401, {"error": "invalid_token"}, 'Bearer error="invalid_token"')
        if "workflows:read" not in claims.get("scope", "").split():
            return self.answer(403, {"error": "insufficient_scope"}, 'Bearer error="insufficient_scope"')
        return self.answer(200, {"reports": ["January", "February"], "read_by": claims["sub"]})

    def answer(self, status, body, challenge=""):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
