"""What people read about an app: its name and its description; administrators also which program it is."""

from __future__ import annotations

from authserver.domain.clients.metadata.registration import Registration
from authserver.lib import visible_text

MAX_SOFTWARE = 255


def check(wanted: Registration) -> dict[str, str]:
    """Short and visible: they stand on the consent page."""
    problems = {}
    if not 1 <= len(wanted.name) <= 100 or not visible_text.is_visible(wanted.name):
        problems["name"] = "Enter a name of 1 to 100 visible characters."
    text = wanted.description.replace("\r\n", " ").replace("\n", " ")
    if len(text) > 500 or not text.isprintable():
        problems["description"] = "At most 500 characters are possible."
    for name in ("software_id", "software_version"):
        if not _is_short(getattr(wanted, name)):
            problems[name] = f"At most {MAX_SOFTWARE} visible characters are possible."
    if wanted.client_id and not (3 <= len(wanted.client_id) <= 64 and _plain(wanted.client_id)):
        problems["client_id"] = "A client id has 3 to 64 letters, digits, - _ and dots."
    return problems


def _is_short(text: str) -> bool:
    return not text or (len(text) <= MAX_SOFTWARE and visible_text.is_visible(text))


def _plain(text: str) -> bool:
    return text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum()
