"""Signatures of webhooks: ours over the raw body, and the Standard Webhooks trio (contract 8)."""

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from authserver.lib import secrets

PREFIX = "whsec_"
_FORM = re.compile(r"sha256=[0-9a-f]{64}")
_BYTES = 32
_SHORTEST, _LONGEST = 24, 64


def new_secret() -> str:
    """`whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.random_bytes(_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Whether this is `whsec_` and the base64 of 24 to 64 bytes, in its one spelling (contract 11.33)."""
    encoded = text.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(PREFIX) and _SHORTEST <= len(key) <= _LONGEST and base64.b64encode(key).decode() == encoded


def header_name(slug: str) -> str:
    """`X-Kaie-Signature`, for whatever brand."""
    return f"X-{slug.capitalize()}-Signature"


def sign(secret: str, body: bytes) -> str:
    """The value of our own header: HMAC-SHA-256 over the raw body, keyed with the whole secret string."""
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def headers(name: str, valid: Sequence[str], message_id: str, at: int, body: bytes) -> dict[str, str]:
    """The four headers of one attempt at `at` (epoch seconds). Of the valid secrets the oldest comes first.

    Our own header has room for one signature: during a roll it stays with the old secret.
    """
    moment, text = datetime.fromtimestamp(at, UTC), body.decode()
    return {
        name: sign(valid[0], body),
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(Webhook(each).sign(message_id, moment, text) for each in reversed(valid)),
    }


def verify(valid: Sequence[str], body: bytes, signature: str) -> bool:
    """Whether one of these secrets made the value of our own header over this body, in constant time."""
    return not fault(valid, body, signature)


def fault(valid: Sequence[str], body: bytes, signature: str) -> str:
    """Why this is no signature of ours over this body; empty if it is, in constant time."""
    found = False
    for each in valid:
        found |= secrets.equal(sign(each, body), signature.strip())
    if found:
        return ""
    if signature.strip().startswith("v1,"):
        return "one of webhook-signature, which libraries of Standard Webhooks check"
    return f"fits with none of {len(valid)} valid" if _FORM.fullmatch(signature.strip()) else "of another form"
