"""A token for this app itself, with requests-oauthlib."""

import json
import os

from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

ISSUER = {{ text(issuer) }}
if ISSUER.startswith("http://localhost") or ISSUER.startswith("http://127.0.0.1"):
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http, on this machine alone

client = OAuth2Session(client=BackendApplicationClient({{ text(client_id) }}, scope={{ text(scope) }}.split()))
token = client.fetch_token(
    f"{ISSUER}/oauth/token", auth=HTTPBasicAuth({{ text(client_id) }}, os.environ["CLIENT_SECRET"])
)
print(json.dumps(token, indent=2))
