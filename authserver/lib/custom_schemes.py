"""Schemes of apps' own, such as `com.example.app:`: which may be registered (RFC 8252 7.1, contract 11.45)."""

import re

FORM = re.compile(r"[a-z][a-z0-9+.-]*")

# What programs may be told to open without anybody having chosen them: widely used desktop apps, registered by the
# apps themselves.
WELL_KNOWN = frozenset({"claude", "cursor", "raycast", "vscode", "vscode-insiders", "windsurf", "zed"})

# Schemes that mean something else to the browser or the system that would be handed an answer.
TAKEN = frozenset((
    "about", "blob", "chrome", "chrome-extension", "content", "data", "dns", "file", "filesystem", "ftp", "ftps",
    "gopher", "http", "https", "imap", "intent", "irc", "itms", "jar", "javascript", "ldap", "mailto", "mms",
    "moz-extension", "msdt", "news", "nfs", "nntp", "rtsp", "search", "search-ms", "shell", "smb", "sms", "ssh",
    "steam", "tel", "telnet", "urn", "vbscript", "view-source", "ws", "wss",
))  # fmt: skip
_TAKEN_PREFIX = "ms-"
EXAMPLE = "com.example.app:/callback"


def problem(scheme: str, *, self_registered: bool = False) -> str | None:
    """What is wrong with this scheme for a native app, in a sentence; None if nothing is.

    Whoever registers themselves gets what belongs to nobody else: a domain in reverse, or a well-known app's own.
    """
    if "_" in scheme:
        return f"A scheme has no underscore (RFC 3986): use a hyphen or a dot instead, such as {EXAMPLE}."
    if scheme != scheme.lower():
        return "Write the scheme in lower case, as browsers send it."
    if not FORM.fullmatch(scheme):
        return f"A scheme has small letters, digits, +, - and dots, and starts with a letter, such as {EXAMPLE}."
    if scheme in TAKEN or scheme.startswith(_TAKEN_PREFIX):
        return f"The scheme {scheme} belongs to browsers or the system. Use one of your own, such as {EXAMPLE}."
    if scheme.startswith(".") or scheme.endswith(".") or ".." in scheme:
        return f"The scheme must be a domain of yours in reverse, such as {EXAMPLE}."
    if self_registered and "." not in scheme and scheme not in WELL_KNOWN:
        return f"The scheme must be a domain of yours in reverse, such as {EXAMPLE}."
    return None
