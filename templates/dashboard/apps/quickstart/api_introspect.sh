#!/bin/sh
# Is this token good? Usage: sh api_introspect.sh TOKEN
set -eu
ISSUER={{ sh(issuer) }}
CLIENT_ID={{ sh(client_id) }}
curl -sS "$ISSUER/oauth/introspect" -u "$CLIENT_ID:$CLIENT_SECRET" --data-urlencode "token=$1"
