"""Sign in with requests-oauthlib: open the printed address, allow, paste the address you come back to."""

import json
import os

import requests
from requests_oauthlib import OAuth2Session

ISSUER = {{ text(issuer) }}
if ISSUER.startswith("http://localhost") or ISSUER.startswith("http://127.0.0.1"):
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http, on this machine alone

server = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=10).json()
client = OAuth2Session(
    {{ text(client_id) }},
    redirect_uri={{ text(redirect_uri) }},
    scope={{ text(scope) }}.split(),
    pkce="S256",
)
address, _state = client.authorization_url(server["authorization_endpoint"])
print("Open", address)
callback = input("Paste the address you come back to: ")

# requests-oauthlib compares the state, and sends the verifier along with the code.
token = client.fetch_token(
    server["token_endpoint"],
    authorization_response=callback,
{% if public %}
    include_client_id=True,
{% else %}
    client_secret=os.environ["CLIENT_SECRET"],
{% endif %}
)
print(json.dumps(token, indent=2))
