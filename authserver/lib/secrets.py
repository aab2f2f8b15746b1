"""The one source of randomness, and the form of our credentials (contract.md section 6 and 11.15)."""

import hashlib
import hmac
import os
import re
import secrets
import zlib

KINDS = ("ak", "cs", "rt", "at", "rat", "ac", "iat", "dc")
"""API key, client secret, refresh token, access token, registration access token, authorization code, initial access
token of a registration, device code."""

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY = 30  # characters of base62: 178 bits
_CHECK = 6  # 62**6 > 2**32
_ID = 20

_SLUG = re.compile(r"[a-z0-9]+")
_FORM = re.compile(r"[a-z0-9]+_(ak|rt|at|cs|rat|ac|iat|dc)_[0-9A-Za-z]{36}")
_LENGTH = 36  # of what stands behind the kind
_PREFIX = {kind: re.compile(rf"[a-z0-9]+_{kind}_") for kind in KINDS}
_HINT = re.compile(r"([a-z0-9]+_(?:ak|rt|at|cs|rat|ac|iat|dc)_)[0-9A-Za-z]*([0-9A-Za-z]{4})")

# A random byte below 248 = 4 * 62 is a fair base62 digit; the other eight values are dropped.
_DIGITS = bytes(ord(ALPHABET[byte % 62]) for byte in range(256))
_UNFAIR = bytes(range(248, 256))


def generate(slug: str, kind: str) -> str:
    """A new credential `<slug>_<kind>_<30 base62><6 base62 checksum>`.

    Raises ValueError for a slug that isn't `[a-z0-9]+` or an unknown kind.
    """
    if kind not in KINDS or not _SLUG.fullmatch(slug):
        raise ValueError("a credential needs a lower-case slug and a known kind")
    unchecked = f"{slug}_{kind}_{_base62(_BODY)}"
    return unchecked + _checksum(unchecked)


def kind_of(value: str) -> str | None:
    """The kind of a well-formed credential of any brand, or None if its form or checksum is wrong."""
    match = _FORM.fullmatch(value)
    if match is None or _checksum(value[:-_CHECK]) != value[-_CHECK:]:
        return None
    return match[1]


def mistyped(value: str) -> str:
    """What is wrong with what was meant for a credential, as the end of a sentence; empty for one, and for others."""
    form = next((found for kind in KINDS if (found := _PREFIX[kind].match(value))), None)
    if form is None or kind_of(value) is not None:
        return ""
    body = value[form.end() :]
    if strange := next((sign for sign in body if sign not in ALPHABET), ""):
        return f"it holds {_sign(strange)}, which no credential does"
    if missing := _LENGTH - len(body):
        count, words = abs(missing), "short" if missing > 0 else "long"
        return f"it is {count} {'character' if count == 1 else 'characters'} too {words}"
    return "its checksum does not fit: at least one of its characters is another one"


def _sign(sign: str) -> str:
    return "a space" if sign.isspace() else f"the character {sign!r}"


def looks_like(value: str, kind: str) -> bool:
    """Whether `value` starts like a credential of this kind, however malformed the rest may be."""
    return _PREFIX[kind].match(value) is not None


def digest(value: str) -> bytes:
    """SHA-256, the only form in which a credential is stored. Takes any text."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def equal(a: bytes | str, b: bytes | str) -> bool:
    """Compare in constant time, as bytes, so that no character can raise (trap T5)."""
    return hmac.compare_digest(_bytes(a), _bytes(b))


def random_bytes(count: int) -> bytes:
    """`count` bytes of the operating system's randomness: keys, nonces, salts."""
    return secrets.token_bytes(count)


def random_token(nbytes: int = 32) -> str:
    """A URL-safe token of `nbytes` bytes of randomness."""
    return secrets.token_urlsafe(nbytes)


def random_id(prefix: str) -> str:
    """An identifier such as `usr_` and 20 base62 characters (119 bits). Never a credential."""
    while True:
        try:
            return prefix + _ids.pop()
        except IndexError:
            _draw_ids()


# Every request has an identifier, and asking the system for each costs more than making it. Nothing secret lies here.
_ids: list[str] = []


def _draw_ids() -> None:
    digits = secrets.token_bytes(40 * _ID).translate(_DIGITS, _UNFAIR).decode("ascii")
    _ids.extend(digits[at : at + _ID] for at in range(0, len(digits) - _ID, _ID))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.clear)  # else parent and child would give out the same


def hint(value: str) -> str:
    """What people may see of a credential later: `kaie_ak_…3f9c`. Other text is not shown at all."""
    match = _HINT.fullmatch(value)
    return f"{match[1]}…{match[2]}" if match else "…"


def _base62(length: int) -> str:
    digits = b""
    while len(digits) < length:
        digits += secrets.token_bytes(length + 16).translate(_DIGITS, _UNFAIR)
    return digits[:length].decode("ascii")


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode("ascii"))
    digits = ""
    for _ in range(_CHECK):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits


def _bytes(value: bytes | str) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


# Every alternative consumes what it looked at, so that a long hostile line costs linear time.
REDACT = re.compile(
    r"""
      (?P<ours>_(?:ak|rt|at|cs|rat|ac|iat|dc)_)[0-9A-Za-z]{16,}
    | (?P<webhook>whsec_)[A-Za-z0-9+/=_-]+
    | (?P<jwt>eyJ)[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*
    | (?P<scheme>\b(?i:bearer|basic|dpop)(?:\ +|\+|%20))
      (?!(?:realm|error)=|(?:tokens?|auth|authentication|authorization|credentials?|header)(?![\w.~+/=-]))
      [A-Za-z0-9._~+/=%-]+
    | (?P<field>\b(?i:password|client_secret|client_assertion|code_verifier)(?:=|\\*"\ ?:\ ?\\*"))[^&\s"\\]+
    | (?P<link>/(?:welcome|password/reset|this-was-not-me|verify)/)[A-Za-z0-9_-]{8,}
    | (?P<url>://[^\s/@:]*:)[^\s/@]+(?=@)
    """,
    re.VERBOSE,
)
"""Credentials of every form, wherever they stand in a text."""


# What REDACT can match holds one of these, case folded. Most lines hold none, and looking costs 1 µs instead of 27.
_SIGNS = (
    "_ak_", "_rt_", "_at_", "_cs_", "_rat_", "_ac_", "_iat_", "_dc_", "whsec_", "eyj", "bearer", "basic", "dpop",
    "password", "client_secret", "client_assertion", "code_verifier", "/welcome/", "/this-was-not-me/", "/verify/", "://",
)  # fmt: skip


def redact(text: str) -> str:
    """`text` with every credential replaced, keeping the part that says of what kind it was."""
    folded = text.casefold()
    for sign in _SIGNS:
        if sign in folded:
            break
    else:
        return text
    return REDACT.sub(lambda match: f"{match[match.lastgroup or 0]}[redacted]", text)
