"""E-mail addresses in the one form in which they are stored and compared (security.md class C28).

Both parts are folded to lower case: no provider in use tells `Alice@` from `alice@`, and two accounts
that differ only there would be a trap for people. The domain is kept in its ASCII (IDNA) form.
"""

import re
import unicodedata

MAX_LENGTH = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
_MAX_LOCAL = 64
_SPECIAL = frozenset('"(),:;<>@[\\]')
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def normalise(text: str) -> str:
    """The canonical form of one address: edge spaces stripped, NFKC, case-folded, IDNA domain.

    Raises ValueError, with a sentence for people, for anything that is not one plain address.
    """
    if len(text) > 4 * MAX_LENGTH:
        raise ValueError("This email address is too long.")
    text = text.strip(" ")
    _refuse_invisible(text)
    text = unicodedata.normalize("NFKC", text)
    _refuse_invisible(text)
    local, at, domain = text.rpartition("@")
    if not at or "@" in local:
        raise ValueError("Enter one email address, such as name@example.com.")
    address = f"{_local(local)}@{_domain(domain)}"
    if len(address.encode()) > MAX_LENGTH:
        raise ValueError("This email address is too long.")
    return address


def _refuse_invisible(text: str) -> None:
    # Z* are all kinds of white space, C* controls, NUL, line breaks, zero-width and unassigned characters.
    if any(unicodedata.category(character)[0] in "ZC" for character in text):
        raise ValueError("An email address has no spaces or invisible characters.")


def _local(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.casefold())
    if not text or len(text.encode()) > _MAX_LOCAL:
        raise ValueError("The part before the @ must have 1 to 64 characters.")
    if _SPECIAL.intersection(text) or text.startswith(".") or text.endswith(".") or ".." in text:
        raise ValueError("The part before the @ has characters that an email address can't have.")
    return text


def _domain(text: str) -> str:
    try:
        domain = unicodedata.normalize("NFKC", text.casefold()).encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise ValueError("The part after the @ is not a domain name.") from error
    if len(domain) > 253 or not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        raise ValueError("The part after the @ is not a domain name.")
    return domain
