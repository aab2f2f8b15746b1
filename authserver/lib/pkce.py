"""Proof key for code exchange, S256 only (RFC 7636)."""

import hashlib
import hmac
import re

from authserver.lib import base64url

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def valid_challenge(text: str) -> bool:
    """Whether this is base64url of 32 bytes. The whole text must fit: no trailing newline (trap T4)."""
    return _CHALLENGE.fullmatch(text) is not None


def valid_verifier(text: str) -> bool:
    """Whether this is 43 to 128 unreserved characters (RFC 7636 section 4.1)."""
    return _VERIFIER.fullmatch(text) is not None


def challenge(verifier: str) -> str:
    """BASE64URL(SHA256(verifier)), without padding."""
    return base64url.encode(hashlib.sha256(verifier.encode()).digest()).decode()


def matches(verifier: str, expected: str) -> bool:
    """Whether a well-formed verifier belongs to the challenge, in constant time."""
    if not (valid_verifier(verifier) and valid_challenge(expected)):
        return False
    return hmac.compare_digest(challenge(verifier).encode(), expected.encode())
