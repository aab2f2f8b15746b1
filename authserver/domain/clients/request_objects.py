"""Request objects that apps publish, read from the addresses that they registered (OIDC Core 6.2, contract 11.54)."""

from __future__ import annotations

from dataclasses import dataclass

from authserver.domain import outbound
from authserver.domain.clients.facts import ClientFacts
from authserver.lib import clock, rooms
from authserver.lib.recent import Recent
from authserver.observability import logs

FRESH_SECONDS = 60  # each address is asked at most once in this time, by each worker, whatever it answered
FETCH_TIMEOUT = 2.0
MAX_KEPT = 500
_ACCEPT = {"Accept": "application/oauth-authz-req+jwt, application/jwt"}


class NotFetched(Exception):
    """There is no request object at the address; the text says why, for the app's owner."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What an address showed, or why it showed nothing; until when that is not asked again."""

    text: str
    problem: str
    until: int


_read: Recent[tuple[str, str], _Read] = Recent(MAX_KEPT)


def fetch(client: ClientFacts, uri: str) -> str:
    """The JWT at a registered address, at most a minute old. In a room where one may wait. Raises NotFetched.

    A fragment tells versions of the content apart and is not sent; what is signed needs no hash beside it.
    """
    known = _read.find((client.id, uri))
    if known is None or known.until <= clock.now():
        rooms.about_to_ask_outside(client.answerable)
        known = _asked(uri)
        _read.keep((client.id, uri), known)
        if known.problem:
            logs.event("request_object_not_fetched", level="warning", client_id=client.id, msg=known.problem[:200])
    if known.problem:
        raise NotFetched(known.problem)
    return known.text


def _asked(uri: str) -> _Read:
    address = uri.partition("#")[0]
    until = clock.now() + FRESH_SECONDS
    try:
        answer = outbound.fetch(address, "GET", _ACCEPT, b"", timeout=FETCH_TIMEOUT)
    except (outbound.Blocked, outbound.Failed) as failure:
        return _Read("", str(failure), until)
    if answer.status != 200 or answer.cut:
        return _Read("", f"HTTP {answer.status}." if answer.status != 200 else "It is longer than 64 kB.", until)
    try:
        return _Read(answer.body.decode("ascii").strip(), "", until)
    except UnicodeDecodeError:
        return _Read("", "The content is no JWT.", until)
