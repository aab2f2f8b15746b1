"""The `sid` by which an app knows a sign-in: one for each, so that no two match their people by it (OIDC Core 8)."""

from __future__ import annotations

from authserver.lib import base64url, secrets

BYTES = 18  # 144 bits, which nobody meets twice


def of(session_id: str, client_id: str) -> str:
    """What this app is told of a session (Back-Channel Logout 1.0, section 2.1), the same in all its grants.

    Not to be turned back: what it is made of is random, and told to the person alone.
    """
    return base64url.encode(secrets.digest(f"sid {session_id} {client_id}")[:BYTES]).decode()
