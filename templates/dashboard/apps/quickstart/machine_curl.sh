#!/bin/sh
# A token for this app itself.
set -eu
ISSUER={{ sh(issuer) }}
CLIENT_ID={{ sh(client_id) }}
SCOPE={{ sh(scope) }}
curl -sS "$ISSUER/oauth/token" -u "$CLIENT_ID:$CLIENT_SECRET" -d grant_type=client_credentials{% if scope %} --data-urlencode "scope=$SCOPE"{% endif %}

