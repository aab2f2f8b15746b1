"""Is this token good? Usage: python api_introspect.py TOKEN"""

import json
import os
import sys

import requests

answer = requests.post(
    {{ text(issuer ~ "/oauth/introspect") }},
    auth=({{ text(client_id) }}, os.environ["CLIENT_SECRET"]),
    data={"token": sys.argv[1]},
    timeout=10,
)
answer.raise_for_status()
print(json.dumps(answer.json(), indent=2))
