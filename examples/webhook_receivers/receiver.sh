#!/bin/sh
# A webhook receiver in a shell: one request on stdin, its answer on stdout, started by any inetd for each connection.
# Needs openssl. SEEN is the file of the ids that were handled, LOG the one they are told to.
header=$(printf %s "${HEADER:-X-Kaie-Signature}" | tr A-Z a-z)
seen=${SEEN:-./seen-ids}
body=$(mktemp) && trap 'rm -f "$body"' EXIT

answer() { printf 'HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' "$1"; exit 0; }

IFS= read -r request
length=0 signature= id= timestamp=
while IFS= read -r line; do
  line=$(printf %s "$line" | tr -d '\r')
  [ -n "$line" ] || break
  name=$(printf %s "${line%%:*}" | tr A-Z a-z) value=${line#*:}
  value=${value# }
  case $name in
    content-length) length=$value ;;
    webhook-id) id=$value ;;
    webhook-timestamp) timestamp=$value ;;
    "$header") signature=$value ;;
  esac
done
case $length in ''|*[!0-9]*|???????*) answer '400 Bad Request' ;; esac
head -c "$length" > "$body"

# The raw body first: only then is it worth parsing.
expected="sha256=$(openssl dgst -sha256 -hmac "$WEBHOOK_SECRET" < "$body" | sed 's/^.*= //')"
[ "$expected" = "$signature" ] || answer '401 Unauthorized'
case $timestamp in ''|*[!0-9]*) answer '401 Unauthorized' ;; esac
age=$(($(date +%s) - timestamp))
[ "$age" -ge -300 ] && [ "$age" -le 300 ] || answer '401 Unauthorized'

# The header repeats the body's id; at least once means: sometimes twice.
if ! grep -qxF -- "$id" "$seen" 2> /dev/null; then
  printf '%s\n' "$id" >> "$seen"
  type=$(sed 's/^.*"type":"\([a-z_.]*\)".*$/\1/' "$body")
  printf '%s %s\n' "$type" "$id" >> "${LOG:-/dev/stderr}"
fi
answer '204 No Content'
