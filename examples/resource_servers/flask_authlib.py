"""A Flask API that checks access tokens with Authlib (RFC 9068): signature, issuer, audience, times, scope."""

import os
import sys
import time

import requests
from authlib.integrations.flask_oauth2 import ResourceProtector, current_token
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from flask import Flask, jsonify
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]


class AccessTokens(JWTBearerTokenValidator):
    """Authlib checks everything once it has the keys; those are fetched once an hour, or when a new one is met."""

    keys, fetched_at = {"keys": []}, float("-inf")

    def get_jwks(self):
        if time.monotonic() - self.fetched_at > 3600:
            self.fetch()
        return KeySet.import_key_set(self.keys)

    def fetch(self):
        metadata = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=5).json()
        self.keys, self.fetched_at = requests.get(metadata["jwks_uri"], timeout=5).json(), time.monotonic()

    def authenticate_token(self, token_string):
        try:
            kid = jws.extract_compact(token_string.encode()).headers().get("kid")
        except (JoseError, ValueError):
            kid = None
        # A key that we do not know may have been made since; garbage must not make us ask again and again.
        if kid not in [key["kid"] for key in self.keys["keys"]] and time.monotonic() - self.fetched_at > 60:
            self.fetch()
        return super().authenticate_token(token_string)


require_oauth = ResourceProtector()
require_oauth.register_token_validator(AccessTokens(issuer=ISSUER, resource_server=AUDIENCE))
app = Flask(__name__)


@app.get("/reports")
@require_oauth("workflows:read")
def reports():
    return jsonify(reports=["January", "February"], read_by=current_token["sub"])


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
