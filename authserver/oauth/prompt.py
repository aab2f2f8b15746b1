"""`prompt`: what the person has to be shown, or may not be (OpenID Connect Core 3.1.2.1).

`create` sends them to open an account first (OpenID Connect Initiating User Registration 1.0), where people may.
"""

from __future__ import annotations

from typing import Any

from authserver.config import Settings

ALWAYS = ("none", "login", "consent", "select_account")
CREATE = "create"


def possible(settings: Settings) -> tuple[str, ...]:
    """Every value that this server understands."""
    return (*ALWAYS, CREATE) if settings.signup == "on" else ALWAYS


def described(settings: Settings) -> dict[str, Any]:
    """Its member of the metadata (Initiating User Registration 1.0, section 4.2)."""
    return {"prompt_values_supported": list(possible(settings))}


def read(text: str | None) -> tuple[str, ...]:
    """The values that were asked for, each once."""
    return tuple(dict.fromkeys(each for each in (text or "").split(" ") if each))


def is_silent(text: str | None) -> bool:
    """Whether no page may be shown."""
    return "none" in read(text)
