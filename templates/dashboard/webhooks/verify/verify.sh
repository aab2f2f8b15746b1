#!/bin/sh
# sh verify.sh "$SIGNATURE" < body.json: whether the value of {{ header }} was made over exactly these bytes.
expected="sha256=$(openssl dgst -sha256 -hmac "$WEBHOOK_SECRET" | sed 's/^.*= //')"
[ "$expected" = "$1" ] || { echo "This was not signed with your secret." >&2; exit 1; }
