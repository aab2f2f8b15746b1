"""Signs its person in from another device (RFC 8628)."""

import sys
import time

import requests

ISSUER, CLIENT_ID = {{ text(issuer) }}, {{ text(client_id) }}
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def sign_in(server, scope):
    """The tokens of whoever allows this program; ends it if they don't."""
    asked = requests.post(
        server["device_authorization_endpoint"], data={"client_id": CLIENT_ID, "scope": scope}, timeout=10
    )
    asked.raise_for_status()
    device = asked.json()
    print(f"Open {device['verification_uri']} and enter {device['user_code']}, or open")
    print(device["verification_uri_complete"], flush=True)
    wait, ends = device.get("interval", 5), time.monotonic() + device["expires_in"]
    poll = {"grant_type": GRANT, "device_code": device["device_code"], "client_id": CLIENT_ID}
    while time.monotonic() < ends:
        time.sleep(wait)
        try:
            answer = requests.post(server["token_endpoint"], data=poll, timeout=10)
        except requests.RequestException:
            wait *= 2  # RFC 8628 section 3.5: ask less often after a time-out
            continue
        if answer.ok:
            return answer.json()
        error = answer.json().get("error")
        if error == "slow_down":
            wait += 5
        elif error != "authorization_pending":
            sys.exit(f"Not signed in: {answer.json().get('error_description', error)}")
    sys.exit("Not signed in: nobody entered the code in time.")


server = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=10).json()
tokens = sign_in(server, {{ text(scope) }})
bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
person = requests.get(server["userinfo_endpoint"], headers=bearer, timeout=10).json()
print(f"Signed in as {person.get('email', person['sub'])}.")
