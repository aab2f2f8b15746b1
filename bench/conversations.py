"""What connections say: the same again and again, each thing once, a chain of tokens, a person's visit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

FORM = "application/x-www-form-urlencoded"
_COOKIE = re.compile(rb"\r\nset-cookie: *([^=;\r\n]+)=([^;\r\n]*)", re.IGNORECASE)
_LOCATION = re.compile(rb"\r\nlocation: *([^\r\n]+)", re.IGNORECASE)
# As browsers name themselves: pages look at it.
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Conversation(Protocol):
    """What one connection sends, and what it makes of the answers."""

    def request(self) -> bytes:
        """The next request as it goes over the wire; nothing if there is none."""

    def take(self, head: bytes, body: bytes) -> bool | None:
        """Whether the answer was good; None if what counts as one request goes on."""


def raw(what: str, host: str, headers: dict[str, str] | None = None, body: str = "", kind: str = FORM) -> bytes:
    """A request as it goes over the wire; `what` is a method and a path."""
    lines = [f"{what} HTTP/1.1", f"Host: {host}", *(f"{name}: {text}" for name, text in (headers or {}).items())]
    if what.startswith("POST") or body:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body.encode())}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _good(head: bytes) -> bool:
    return head[9:12] == b"200"


@dataclass
class Repeated:
    """The same request again and again."""

    asked: bytes

    def request(self) -> bytes:
        return self.asked

    def take(self, head: bytes, body: bytes) -> bool:
        return _good(head)


@dataclass
class Once:
    """Each request once, of a supply that connections share."""

    supply: list[bytes]

    def request(self) -> bytes:
        return self.supply.pop() if self.supply else b""

    def take(self, head: bytes, body: bytes) -> bool:
        return _good(head)


@dataclass
class Chain:
    """A refresh family: each answer holds the next request's token."""

    ask: Callable[[str], bytes]
    token: str

    def request(self) -> bytes:
        return self.ask(self.token)

    def take(self, head: bytes, body: bytes) -> bool:
        if _good(head):
            self.token = json.loads(body)["refresh_token"]
        return _good(head)


@dataclass
class Visit:
    """A person's browser opens a page and follows our redirects until it is sent away.

    A `form` is what it fills in on the way. Each visit begins with the same cookies.
    """

    host: str
    path: str
    cookies: dict[str, str]
    form: dict[str, str] = field(default_factory=dict)
    ends: list[str] = field(default_factory=list)
    """Where visits were sent in the end."""

    def __post_init__(self) -> None:
        self._next, self._held, self._sent = b"", dict(self.cookies), False

    def request(self) -> bytes:
        if self._next:
            asked, self._next = self._next, b""
            return asked
        self._held, self._sent = dict(self.cookies), False
        return self._raw(f"GET {self.path}")

    def take(self, head: bytes, body: bytes) -> bool | None:
        self._held |= {name.decode(): value.decode() for name, value in _COOKIE.findall(head)}
        if head[9:10] == b"3":
            return self._sent_on(head)
        if self._sent or not self.form or not _good(head):
            return False
        self._sent, path = True, self.path.partition("?")[0]
        self._next = self._raw(f"POST {path}", urlencode(self.form | hidden(body, path)))
        return None

    def _sent_on(self, head: bytes) -> bool | None:
        found = _LOCATION.search(head)
        target, own = found[1].decode() if found else "", f"http://{self.host}"
        if self._sent or not target.startswith(("/", own)):
            self.ends.append(target)
            return bool(target) and self._sent == bool(self.form)
        self._next = self._raw(f"GET {target.removeprefix(own)}")
        return None

    def _raw(self, what: str, body: str = "") -> bytes:
        cookie = "; ".join(f"{name}={value}" for name, value in self._held.items())
        return raw(what, self.host, {"User-Agent": BROWSER} | ({"Cookie": cookie} if cookie else {}), body)


def code_of(location: str) -> str:
    """The code that a redirect back to an app carries (RFC 6749 section 4.1.2)."""
    return parse_qs(urlsplit(location).query)["code"][0]


_HIDDEN = re.compile(rb"<input\b[^>]*\btype=\"hidden\"[^>]*>")
_ATTRIBUTE = re.compile(rb"\b(name|value)=\"([^\"]*)\"")


def hidden(page: bytes, action: str) -> dict[str, str]:
    """The hidden fields of a page's form for this path, by name."""
    form = page.partition(f'action="{action}"'.encode())[2].partition(b"</form>")[0]
    found = {}
    for tag in _HIDDEN.findall(form):
        given = {name.decode(): value.decode() for name, value in _ATTRIBUTE.findall(tag)}
        found[given["name"]] = given.get("value", "")
    return found
