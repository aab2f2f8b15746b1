"""Keys derived from the secret key and the sealing key: one label, one purpose."""

from __future__ import annotations

from authserver import config
from authserver.errors import BadSettings
from authserver.lib import sealing


def key(label: str) -> bytes:
    """The key of today for one purpose (32 bytes)."""
    return sealing.derive(_master(), label)


def keys(label: str) -> list[bytes]:
    """The key of today and those of earlier secret keys, which still verify."""
    return [key(label)] + [sealing.derive(old.encode(), label) for old in config.current().secret_key_fallbacks]


def sealing_key() -> bytes:
    """The key that new secrets at rest are sealed with."""
    return sealing_keys()[0]


def sealing_keys() -> list[bytes]:
    """Every key that sealed secrets may open with, today's first."""
    settings = config.current()
    own = [settings.kek] if settings.kek else []
    from_kek = [sealing.derive(text.encode(), "kek") for text in (*own, *settings.kek_fallbacks)]
    from_secret = [
        sealing.derive(text.encode(), "kek") for text in (settings.secret_key, *settings.secret_key_fallbacks)
    ]
    return from_kek + [each for each in from_secret if each not in from_kek]


def _master() -> bytes:
    secret = config.current().secret_key
    if not secret:
        raise BadSettings("secret_key: needed; make one with `openssl rand -base64 48`")
    return secret.encode()
