"""What each mail is filled with, in words that are long, foreign or hostile where others choose them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from authserver.config import Settings

FOLDER = Path(__file__).parent.parent.parent / "templates" / "mail"
ISSUER = "https://auth.example.test"
SETTINGS = Settings(issuer=ISSUER, secret_key="x" * 48)
LONG = "Grundstuecksverkehrsgenehmigungszustaendigkeitsuebertragungsverordnungsabteilungsleitung"
_AT = 1_764_000_000
_WHERE = {"at": _AT, "ip": "10.0.0.5", "browser": "Chrome on Linux"}
_LINK = {"link": f"{ISSUER}/password/reset/0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"}
_NAME = {"name": "山田太郎"}
VALUES: dict[str, dict[str, Any]] = {
    "app_allowed": {**_NAME, **_WHERE, "app": LONG, "can": ["Read & write <everything>", "Manage keys"]},
    "app_offered": {**_NAME, "app": "Notes", "until": _AT, "client_id": "cl_1"},
    "apps_inherited": {**_NAME, "count": 7, "apps": ["Notes", LONG], "more": 4, "apis": 2},
    "email_changed": {**_NAME, "at": _AT, "ip": "10.0.0.5", "new": "new@example.test"},
    "invitation": {**_NAME, **_LINK},
    "key_expiring": {
        **_NAME, **_LINK, "key": LONG, "hint": "kaie_ak_…a91f", "days": 7, "at": _AT, "replaced": False,
        "used_since": False, "last_used_at": _AT, "last_used_ip": "10.0.0.5",
    },
    "leaked": {
        **_NAME, "what": "the API key CI", "at": _AT, "found_at": "https://evil.example/x", "ended": 3,
        "left": 2,
    },
    "new_device": {**_NAME, **_WHERE, "failures": 3, "link": f"{ISSUER}/this-was-not-me/0123456789abcdef"},
    "password_changed": {**_NAME, **_WHERE},
    "password_reset": {**_NAME, **_LINK, "ip": "10.0.0.5", "minutes": 30},
    "password_reset_done": {**_NAME, **_WHERE},
    "secret_expiring": {
        **_NAME, **_LINK, "app": "Notes", "hint": "kaie_cs_…a91f", "days": 1, "at": _AT, "last_used_at": _AT,
        "last_used_ip": "", "used_since": True,
    },
    "sign_up_taken": {},
    "webhook_disabled": {
        **_NAME, **_LINK, "webhook": "Billing", "because": "silent", "since": _AT,
        "url": f"https://{LONG}.example/hook",
    },
    "webhook_failing": {
        **_NAME, **_LINK, "webhook": "Billing", "since": _AT, "url": "https://hooks.example/x", "said": "500",
    },
    "welcome": {**_LINK},
}  # fmt: skip


def templates() -> list[str]:
    """Every mail there is."""
    return sorted(file.stem for file in FOLDER.glob("*.txt") if not file.stem.startswith("_"))
