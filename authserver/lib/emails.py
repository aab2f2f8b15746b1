"""E-mail addresses: kept and mailed to as given, compared by a key (security.md class C28, contract 11.47).

The key folds both parts to lower case: no provider in use tells `Alice@` from `alice@`, and two accounts that differ
only there would be a trap for people. Its domain is in ASCII (UTS 46, non-transitional): ß and ς stay what they are.
"""

import re
import unicodedata

import idna

MAX_LENGTH = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
_MAX_LOCAL = 64
_SPECIAL = frozenset('"(),:;<>@[\\]')
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def as_given(text: str) -> str:
    """The address as its person writes it, without edge spaces. Raises ValueError as `normalise` does."""
    normalise(text)
    given = text.strip(" ")
    return given if given.count("@") == 1 else unicodedata.normalize("NFKC", given)


def deliverable(address: str) -> str:
    """The same mailbox for a mail's envelope: its domain in ASCII, which every mail server takes."""
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{_domain(domain)}"
    except ValueError:
        return address


def normalise(text: str) -> str:
    """The key of one address, by which it is compared: edge spaces stripped, NFKC, lower case, domain in ASCII.

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
    text = unicodedata.normalize("NFKC", text.lower())
    if not text or len(text.encode()) > _MAX_LOCAL:
        raise ValueError("The part before the @ must have 1 to 64 characters.")
    if _SPECIAL.intersection(text) or text.startswith(".") or text.endswith(".") or ".." in text:
        raise ValueError("The part before the @ has characters that an email address can't have.")
    return text


def _domain(text: str) -> str:
    try:
        domain = idna.encode(text, uts46=True, transitional=False, std3_rules=True).decode("ascii").lower()
    except UnicodeError as error:
        raise ValueError("The part after the @ is not a domain name.") from error
    if len(domain) > 253 or not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        raise ValueError("The part after the @ is not a domain name.")
    return domain
