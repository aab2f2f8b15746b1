import hashlib
import hmac
import os
import sys


def is_genuine(raw_body: bytes, signature: str, secret: str) -> bool:
    """Whether the value of {{ header }} was made over exactly these bytes."""
    expected = "sha256=" + hmac.new(secret.encode(), raw_body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


# python3 verify.py "$SIGNATURE" < body.json
if __name__ == "__main__":
    genuine = is_genuine(sys.stdin.buffer.read(), sys.argv[1], os.environ["WEBHOOK_SECRET"])
    sys.exit(0 if genuine else "This was not signed with your secret.")
