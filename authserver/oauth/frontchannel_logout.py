"""What the metadata says of front-channel logout (OpenID Connect Front-Channel Logout 1.0, section 3)."""

from __future__ import annotations

from typing import Any

from authserver.config import Settings


def described(_settings: Settings) -> dict[str, Any]:
    """Its members."""
    return {"frontchannel_logout_supported": True, "frontchannel_logout_session_supported": True}
