"""What the metadata says of back-channel logout (OpenID Connect Back-Channel Logout 1.0, section 2.1)."""

from __future__ import annotations

from typing import Any

from authserver.config import Settings


def described(_settings: Settings) -> dict[str, Any]:
    """Its members."""
    return {"backchannel_logout_supported": True, "backchannel_logout_session_supported": True}
