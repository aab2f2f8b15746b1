"""A token for this app itself, with Authlib."""

import json
import os

from authlib.integrations.requests_client import OAuth2Session

ISSUER = {{ text(issuer) }}

client = OAuth2Session({{ text(client_id) }}, os.environ["CLIENT_SECRET"], scope={{ text(scope) }})
token = client.fetch_token(f"{ISSUER}/oauth/token", grant_type="client_credentials")
print(json.dumps(token, indent=2))
