#!/bin/sh
# Sign in with curl alone: open the printed address, allow, paste the address you come back to.
set -eu
ISSUER={{ sh(issuer) }}
CLIENT_ID={{ sh(client_id) }}
REDIRECT_URI={{ sh(redirect_uri) }}
SCOPE={{ sh(scope) }}

encode() { od -An -tx1 -v | tr -d ' \n' | sed 's/../%&/g'; }
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
STATE=$(openssl rand -hex 16)
VERIFIER=$(openssl rand 32 | base64url)
CHALLENGE=$(printf %s "$VERIFIER" | openssl dgst -sha256 -binary | base64url)

ADDRESS="$ISSUER/oauth/authorize?response_type=code&client_id=$CLIENT_ID"
ADDRESS="$ADDRESS&redirect_uri=$(printf %s "$REDIRECT_URI" | encode)"
ADDRESS="$ADDRESS&scope=$(printf %s "$SCOPE" | encode)&state=$STATE"
ADDRESS="$ADDRESS&code_challenge=$CHALLENGE&code_challenge_method=S256"
echo "Open $ADDRESS"
printf 'Paste the address you come back to: '
read -r ANSWER
case "$ANSWER" in *"state=$STATE"*) ;; *) echo 'The state differs: not our answer.' >&2; exit 1 ;; esac
CODE=$(printf %s "$ANSWER" | sed -n 's/.*[?&]code=\([^&#]*\).*/\1/p')

curl -sS "$ISSUER/oauth/token"{% if not public %} -u "$CLIENT_ID:$CLIENT_SECRET"{% endif %} \
  -d grant_type=authorization_code -d "code=$CODE" -d "code_verifier=$VERIFIER"{% if public %} -d "client_id=$CLIENT_ID"{% endif %} \
  --data-urlencode "redirect_uri=$REDIRECT_URI"
