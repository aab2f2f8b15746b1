"""What somebody wants a webhook endpoint to be, and why it cannot be that."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from authserver.domain import outbound
from authserver.domain.record import outbox
from authserver.errors import Invalid
from authserver.lib import quoting, webhook_signatures

MAX_HEADERS = 10
CHECK_SECONDS = 2.0
PUBLIC_ONLY = " Webhooks can only go to public addresses (an operator can allow ranges in the configuration)."
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}")
# What we set ourselves, and what would change how the request is read.
_OURS = re.compile(
    r"(?i)host|content-.*|transfer-encoding|connection|te|trailer|upgrade|expect|accept-encoding|user-agent|webhook-.*"
    r"|x-.*-signature|cookie|proxy-.*|keep-alive"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants an endpoint to be. `everybody` None: as far as the owner may.

    `addresses`: whether who names the URL may know who did something, and from where; then it is told that, too.
    """

    name: str
    url: str
    events: tuple[str, ...] = (outbox.ALL,)
    active: bool = True
    everybody: bool | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    addresses: bool = True


def validate(wish: Wish, secret: str = "", *, moved: bool = True) -> None:
    """Raise Invalid, with a sentence per field, for an endpoint that cannot be. `moved`: the URL is to be looked up."""
    problems = _problems(wish, secret)
    if "url" not in problems and moved and (problem := _url_problem(wish.url)):
        problems["url"] = problem
    if problems:
        raise Invalid(next(iter(problems.values())), "a webhook's form has errors", problems=problems)


def _url_problem(url: str) -> str:
    """Why nothing can be sent there, in a sentence. A name without address is no reason: each delivery looks again."""
    try:
        outbound.permitted(outbound.check(url), timeout=CHECK_SECONDS)
    except outbound.Blocked as refused:
        text = str(refused)
        return f"{text}{PUBLIC_ONLY}" if "address" in text else quoting.refused(url, text)
    except outbound.Failed:
        return ""
    return ""


def headers_problem(given: Mapping[str, str]) -> str:
    """Why these headers cannot be sent, in a sentence."""
    if len(given) > MAX_HEADERS:
        return f"Use at most {MAX_HEADERS} headers."
    for name, value in given.items():
        if not _TOKEN.fullmatch(name):
            return quoting.refused(name or value, "A header has a name of letters, digits and hyphens, such as X-Team.")
        if _OURS.fullmatch(name):
            return f"{name} is set by the server itself. Choose another name."
        if len(value) > 500 or not value.isascii() or not value.isprintable():
            return f"{name} can't be sent: a header's value has at most 500 printable ASCII characters."
    return ""


def parse_headers(lines: Sequence[str]) -> dict[str, str]:
    """Headers written as `Name: value`, one a line; what has no colon gets an empty name, which is refused."""
    found = {}
    for line in lines:
        if line.strip():
            name, colon, value = line.partition(":")
            found[name.strip() if colon else ""] = (value if colon else name).strip()
    return found


def _problems(wish: Wish, secret: str) -> dict[str, str]:
    problems: dict[str, str] = {}
    if not wish.name.strip():
        problems["name"] = "Name this webhook so you can recognise it later."
    elif len(wish.name) > 100 or not wish.name.isprintable():
        problems["name"] = "Use at most 100 printable characters."
    if not wish.url:
        problems["url"] = "Say where to send events, such as https://example.com/hooks."
    if not wish.events:
        problems["events"] = "Choose at least one event."
    elif unknown := quoting.strangers(wish.events, {outbox.ALL, *outbox.EVENTS}):
        problems["events"] = f"There is no event {unknown}."
    if secret and not webhook_signatures.is_secret(secret):
        problems["secret"] = "A secret is whsec_ and the base64 of 24 to 64 bytes."
    if problem := headers_problem(wish.headers):
        problems["headers"] = problem
    return problems
