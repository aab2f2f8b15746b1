"""Sign in with Authlib: open the printed address, allow, paste the address you come back to."""

import json
{% if not public %}import os
{% endif %}
from urllib.request import urlopen

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

ISSUER = {{ text(issuer) }}
REDIRECT_URI = {{ text(redirect_uri) }}

with urlopen(f"{ISSUER}/.well-known/oauth-authorization-server") as answer:
    server = json.load(answer)

client = OAuth2Session(
    {{ text(client_id) }},
{% if public %}
    token_endpoint_auth_method="none",
{% else %}
    os.environ["CLIENT_SECRET"],
{% endif %}
    redirect_uri=REDIRECT_URI,
    scope={{ text(scope) }},
    code_challenge_method="S256",
)
verifier = generate_token(48)
address, state = client.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier)
print("Open", address)
callback = input("Paste the address you come back to: ")

# Authlib compares the state, and sends the verifier along with the code.
token = client.fetch_token(
    server["token_endpoint"], authorization_response=callback, state=state, code_verifier=verifier
)
print(json.dumps(token, indent=2))
