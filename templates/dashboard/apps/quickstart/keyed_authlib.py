"""A token for this app itself, by a JWT that it signs with its own key (private_key_jwt), with Authlib."""

import json
import os
from pathlib import Path

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

ISSUER = {{ text(issuer) }}

# A PEM file of the RSA key whose public half is registered: Authlib signs these with no other kind.
key = Path(os.environ["PRIVATE_KEY"]).read_text()
client = OAuth2Session(
    {{ text(client_id) }}, key, scope={{ text(scope) }},
    token_endpoint_auth_method=PrivateKeyJWT(f"{ISSUER}/oauth/token"),
)
token = client.fetch_token(f"{ISSUER}/oauth/token", grant_type="client_credentials")
print(json.dumps(token, indent=2))
