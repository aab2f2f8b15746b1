"""A command-line program that signs its person in from another device (RFC 8628). It needs nothing but `requests`.

authserver client create --public --grant device_code --grant refresh_token --scope "openid email" --name "My tool"
ISSUER=http://localhost:8000 CLIENT_ID=… python examples/device_cli.py
"""

import os
import sys
import time

import requests

ISSUER, CLIENT_ID = os.environ["ISSUER"], os.environ["CLIENT_ID"]
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
tokens = sign_in(server, os.environ.get("SCOPE", "openid email"))
bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
person = requests.get(server["userinfo_endpoint"], headers=bearer, timeout=10).json()
print(f"Signed in as {person.get('email', person['sub'])}.")
