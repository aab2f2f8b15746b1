"""What one setting may be: each kind turns a text into a value, or says in one sentence what is needed instead.

No sentence repeats a value: secrets stand in URLs, too.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from authserver.config.settings import DAY, LOOPBACK_HOSTS
from authserver.lib import outbound
from authserver.lib import scopes as grammar

Kind = Callable[[str], Any]
MAX_LENGTH = 8192
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": DAY}
_HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?)")
_ADDRESS = r"[^\s@,<>:/]+@[^\s@,<>:/]+"
_SENDER = re.compile(rf"{_ADDRESS}|[^<>@]*<{_ADDRESS}>")
BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Wrong(ValueError):
    """The text is none of this kind; the sentence says what is needed."""


# ---- numbers, words, times ----------------------------------------------------------------------------------


def count(low: int, high: int) -> Kind:
    """A whole number: zero or less never means "no limit"."""

    def kind(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise Wrong(f"a whole number from {low} to {high} is needed")
        return int(text)

    return kind


def seconds(low: int, high: int) -> Kind:
    """A time in seconds, or with a unit: `90`, `15m`, `12h`, `30d`."""

    def kind(text: str) -> int:
        match = re.fullmatch(r"([0-9]{1,12}) ?([smhd]?)", text)
        number = int(match[1]) * _UNITS[match[2]] if match else -1
        if not low <= number <= high:
            raise Wrong(f"a time of {low} to {high} seconds is needed, such as 90, 15m, 12h or 30d")
        return number

    return kind


def word(*allowed: str) -> Kind:
    """One of some words, in either case."""

    def kind(text: str) -> str:
        for each in allowed:
            if text.lower() == each.lower():
                return each
        raise Wrong("one of these is needed: " + ", ".join(filter(None, allowed)))

    return kind


def flag(text: str) -> bool:
    """Whether it is switched on; no operator sets one."""
    return text.lower() in {"1", "true", "on"}


def is_rate_limit(text: str) -> bool:
    """Whether this reads as a limit, such as `1000/hour`."""
    return re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", text) is not None


def rate_limit(text: str) -> str:
    if not is_rate_limit(text):
        raise Wrong("a limit such as 1000/hour is needed; second, minute, hour and day are understood")
    return text


def rate_limit_or_off(text: str) -> str:
    return "off" if text.lower() == "off" else rate_limit(text)


# ---- texts --------------------------------------------------------------------------------------------------


def brand(text: str) -> str:
    if not 1 <= len(text) <= 40 or not text.isprintable():
        raise Wrong("1 to 40 printable characters are needed")
    return text


def colour(text: str) -> str:
    if text and not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise Wrong("a colour such as #0d5f52 is needed")
    return text


def secret(text: str) -> str:
    if text and len(text) < 32:
        raise Wrong("at least 32 characters are needed; make one with `openssl rand -base64 48`")
    return text


def secrets(text: str) -> tuple[str, ...]:
    parts = _parts(text)
    if any(len(part) < 32 for part in parts):
        raise Wrong("at least 32 characters are needed in each; several are separated by commas")
    return parts


def scopes(text: str) -> tuple[str, ...]:
    """Names of scopes, separated by spaces or commas."""
    try:
        return grammar.parse(" ".join(text.replace(",", " ").split()))
    except ValueError:
        raise Wrong("names of scopes are needed, separated by spaces, such as openid profile email") from None


def sender(text: str) -> str:
    """The address of mails, with or without a name before it."""
    if text and not (_SENDER.fullmatch(text) and text.isprintable()):
        raise Wrong("one address is needed, such as no-reply@example.com or Example <no-reply@example.com>")
    return text


def contact(text: str) -> str:
    """Where somebody is told of a weakness (RFC 9116)."""
    if text and not re.fullmatch(rf"mailto:{_ADDRESS}|https://[!-~]+", text):
        raise Wrong("mailto:security@example.com or an https:// address is needed")
    return text


# ---- places in the network ----------------------------------------------------------------------------------


def issuer(text: str) -> str:
    example = "a URL such as https://auth.example.com is needed"
    if not re.fullmatch(r"[!-~]+", text):
        raise Wrong(f"{example}, without spaces; other letters than ASCII are written as xn--…")
    parts = _url(text, example)
    if parts.scheme not in {"http", "https"} or not _is_host(parts.hostname) or parts.username is not None:
        raise Wrong(f"{example}, without a name or password before the host")
    if "?" in text or "#" in text:
        raise Wrong(f"{example}, without query or fragment")
    if text.endswith("/"):
        raise Wrong("no trailing slash is allowed; clients compare it byte by byte")
    if "\\" in text or {"", ".", ".."} & set(parts.path.split("/")[1:]):
        raise Wrong(f"{example}; a path has no empty, . or .. parts and no backslash")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise Wrong("https is needed unless the host is localhost, 127.0.0.1 or [::1]")
    return text


def redis_url(text: str) -> str:
    example = "a URL such as rediss://:password@redis.example.com:6379/0 is needed"
    if not text:
        return text
    parts = _url(text, example)
    if parts.scheme not in {"redis", "rediss", "valkey", "valkeys"} or not _is_host(parts.hostname):
        raise Wrong(f"{example}; redis, rediss, valkey and valkeys are understood")
    if not re.fullmatch(r"(/\d{0,5})?", parts.path):
        raise Wrong(f"{example}; after the host stands the number of a database, or nothing")
    if importlib.util.find_spec("redis") is None:
        raise Wrong("the client is missing here: pip install 'authserver[redis]'")
    return text


def smtp_url(text: str) -> str:
    example = "a URL such as smtp://user:password@mail.example.com:587 is needed"
    if not text:
        return text
    parts = _url(text, example)
    if parts.scheme not in {"smtp", "smtps"} or not _is_host(parts.hostname):
        raise Wrong(f"{example}; smtp (with STARTTLS) and smtps are understood")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise Wrong(f"{example}, with nothing after the port")
    return text


def address(text: str) -> str:
    """An address to listen on. `localhost` is taken as 127.0.0.1: a listener needs one address, not a name."""
    if text.lower() == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise Wrong("an address of this machine is needed, such as 127.0.0.1, 0.0.0.0 or ::, not a name") from None


def bind(text: str) -> str:
    """`off`, or address and port."""
    if text.lower() == "off":
        return "off"
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        raise Wrong("an address with a port such as 127.0.0.1:9464 is needed, or off")
    found = address(host)
    return f"[{found}]:{port}" if ":" in found else f"{found}:{port}"


def networks(text: str) -> tuple[str, ...]:
    parts = _parts(text)
    for part in parts:
        try:
            ipaddress.ip_network(part)
        except ValueError:
            place = f"entry {parts.index(part) + 1}"
            raise Wrong(f"networks such as 10.0.0.0/8 are needed; {place} is none{_without_host_bits(part)}") from None
    return parts


def openings(text: str) -> tuple[str, ...]:
    parts = _parts(text)
    try:
        outbound.parse_allowed(parts)
    except ValueError as error:
        raise Wrong(f"networks, hosts or host:ports are needed ({error})") from None
    return parts


# ---- files --------------------------------------------------------------------------------------------------


def folder(text: str) -> str:
    if not text:
        return text
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise Wrong("a folder is needed, and a file is there")
    nearest = next((each for each in (path, *path.absolute().parents) if each.exists()), path)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise Wrong("a folder is needed that this account can write to; chown or chmod it")
    return text


def certificates(text: str) -> str:
    """A file with certificates in PEM, as `ssl` will read it later."""
    if not text:
        return text
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=text)
    except ssl.SSLError:
        raise Wrong("the file holds no certificate; PEM is needed (-----BEGIN CERTIFICATE-----)") from None
    except OSError as error:
        raise Wrong(f"the file cannot be read ({error.strerror}); a bundle of certificates in PEM is needed") from None
    return text


# ---- parts --------------------------------------------------------------------------------------------------


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _url(text: str, example: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Wrong(f"{example}; the port is a number up to 65535, an address of IPv6 stands in brackets") from None
    if port == 0 or parts.netloc.endswith(":"):
        raise Wrong(f"{example}; the port is a number from 1 to 65535, or left out with its colon")
    if re.search(r"\s", text) or BAD_PERCENT.search(text):
        raise Wrong(f"{example}; a space is written %20, a percent sign %25")
    return parts


def _is_host(host: str | None) -> bool:
    if host is None:
        return False
    if ":" in host:
        return True  # urlsplit has looked at the brackets and at what they hold
    return _HOST.fullmatch(host) is not None and ".." not in host


def _without_host_bits(part: str) -> str:
    try:
        return f" (the network of it is {ipaddress.ip_network(part, strict=False)})"
    except ValueError:
        return ""
