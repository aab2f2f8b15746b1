"""A URL as client id: the app is what the document there says (draft-ietf-oauth-client-id-metadata-document).

The document is looked at when a person who is signed in is sent here, never for a stranger (contract 11.28), and kept
as a client of its own; tokens are made and checked without looking again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain import outbound
from authserver.domain.access import resources
from authserver.domain.clients import blocked_apps, clients, privileges, sector_identifiers
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.clients.metadata import Registration
from authserver.domain.clients.metadata import self_registration as said
from authserver.domain.clients.metadata.authentication import KEY_METHOD
from authserver.domain.ground import cache
from authserver.domain.limits import rate_limits
from authserver.errors import DomainError, Invalid, RateLimited, Unavailable
from authserver.lib import clock, hosts, redirect_uris, rooms, strict_json
from authserver.models import Client

MAX_URL = clients.MAX_URL
FETCH_TIMEOUT = 5.0
IN_FLIGHT = 2  # in each worker: who sends people here with slow documents stops nobody else's for long
WAIT_SECONDS = 2.0
DEFAULT_FRESH, MIN_FRESH, MAX_FRESH = 3600, 60, 86_400
STALE_SECONDS = 86_400  # a document is used for this long after it was read if asking again gets no answer
FAILED_SECONDS = 60  # what was no document is not asked for again
MAX_FAILED = 1000
POLICY, PER_PERSON = "client-documents", "60/hour"
# What is at an address, or in the way to it, is nothing that whoever names one learns here.
UNASKED = "The client_id is an address that this server does not ask: https, a public host, port 443."
UNREAD = "The document at the client_id could not be read. Try again in a minute."
SECRETS = ("client_secret", "client_secret_expires_at")
METHODS = ("none", KEY_METHOD)
"""Of the methods of authentication those that share nothing in secret (section 4.1 of the draft)."""
_JSON = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json\b", re.IGNORECASE)
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=([0-9]{1,9})(?:$|[,\s])", re.IGNORECASE)
_ACCEPT = {"Accept": "application/json"}


class NotDescribed(DomainError):
    """There is no document at the URL that makes it a client; the text says why and may be read by anybody."""


def is_url(client_id: str) -> bool:
    """Whether a client id is one that a document describes."""
    return config.current().cimd == "on" and clients.is_url(client_id)


def problem(url: str) -> str | None:
    """What is wrong with a URL as client id, in a sentence; None if nothing is (section 3 of the draft)."""
    if len(url) > MAX_URL:
        return f"A client_id that is a URL may have at most {MAX_URL} characters."
    if found := redirect_uris.problem(url):
        return found
    parts = urlsplit(url)
    if parts.path in ("", "/"):
        return "A client_id that is a URL has a path."
    ours = urlsplit(config.current().issuer)
    if hosts.canonical(parts.netloc, parts.scheme) == hosts.canonical(ours.netloc, ours.scheme):
        return "The client_id is an address of this server itself."
    if resources.is_taken(url):
        return "The client_id is the address of an API."
    try:
        outbound.check(url)  # https to a public host, unless the operator opened another
    except outbound.Blocked:
        return UNASKED
    return None


def is_fresh(url: str) -> bool:
    """Whether what is known of the app may be used without looking again."""
    facts = clients.find(url)
    return facts is not None and (facts.document_fresh_until or 0) > clock.now()


def look_up(url: str, person_id: str) -> None:
    """Read the document, for a person who is signed in, and keep what it says. In a room where one may wait.

    Raises NotDescribed, RateLimited, Unavailable.
    """
    if (wrong := problem(url)) or (wrong := _failed_lately(url)):
        raise NotDescribed(wrong)
    rooms.about_to_ask_outside(person_id)
    _count(person_id)
    with _turn():
        if is_fresh(url):
            return  # another request was faster
        try:
            answer = outbound.fetch(url, "GET", _ACCEPT, b"", timeout=FETCH_TIMEOUT)
            wanted = _registration(url, answer)
        except (outbound.Failed, _NoAnswer) as failure:
            if not _is_usable(url):
                _fail(url, UNREAD, str(failure))
            return
        except outbound.Blocked as refused:
            _fail(url, UNASKED, str(refused))
        except Invalid as refused:
            name, text = next(iter(refused.problems.items()), ("", refused.public))
            _fail(url, f"The app's document is not accepted. {name}: {text}" if name else text, refused.detail)
        _keep(url, wanted, clock.now() + _fresh_for(answer))


class _NoAnswer(Exception):
    """The host answered that it cannot answer now."""


def _registration(url: str, answer: outbound.Answer) -> Registration:
    """What the document asks for. Raises Invalid, _NoAnswer."""
    if answer.status >= 500 or answer.status == 429:
        raise _NoAnswer(f"HTTP {answer.status}.")
    if answer.status != 200:
        raise Invalid(f"There is no document at the client_id: HTTP {answer.status}.")
    if answer.cut or not _JSON.match(_header(answer, "content-type")):
        raise Invalid("What is found at the client_id is no JSON document of at most 64 kB.")
    document = _parsed(answer.body)
    if document.get("client_id") != url:
        raise Invalid("The document's client_id is not the URL at which it is found, character by character.")
    if any(document.get(name) is not None for name in SECRETS):
        raise Invalid("The document holds a secret, which is none once it is published.")
    method = document.get("token_endpoint_auth_method", "none")
    if method not in METHODS:
        raise Invalid(f"The document's token_endpoint_auth_method must be {' or '.join(METHODS)} here.")
    wanted = client_metadata.complete(said.read({**document, "token_endpoint_auth_method": method}))
    client_metadata.check(wanted, trusted=False, owner_id=None, self_registered=True)
    sector_identifiers.require(wanted)
    return wanted


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        document = strict_json.loads(body.decode("utf-8"))
        # A lone surrogate is no text, and PostgreSQL keeps no NUL.
        if b"\\u0000" in json.dumps(document, ensure_ascii=False).encode():
            raise ValueError
    except (ValueError, RecursionError):
        raise Invalid("The document is not JSON, or a member comes twice.") from None
    if not isinstance(document, dict):
        raise Invalid("The document is no JSON object.")
    return document


def _keep(url: str, wanted: Registration, fresh_until: int) -> None:
    """The app as its document says; what an administrator gave it since stays."""
    id, now = clients.id_of(url), clock.now()
    new = database.insert(Client).values(
        id=id, document_url=url, self_registered=True, created_at=now, updated_at=now, **clients.columns_of(wanted)
    )
    with database.transaction() as session:
        made = session.execute(
            new.on_conflict_do_nothing(index_elements=[Client.id]).returning(Client.id)
        ).one_or_none()
        row = session.get_one(Client, id, with_for_update={"key_share": True})
        row.document_fetched_at, row.document_fresh_until = now, fresh_until
        if made is not None:
            clients.record(session, row, "client.created", kind=row.kind, name=row.name, self_registered=True)
            return
        cache.touch(session, "clients")
        if blocked_apps.find(row, row.id) is None:  # else its next document would take off what stopped it
            _say_anew(session, row, wanted)


def _say_anew(session: Session, row: Client, wanted: Registration) -> None:
    """An app that is known, as its document describes it now."""
    before = clients.registration_of(row)
    after = dataclasses.replace(said.merged(before, wanted), kind=wanted.kind, public=wanted.public)
    values = clients.columns_of(client_metadata.complete(after))
    # While an administrator lends it a privilege, only administrators change to whom (contract 11.36).
    stays = privileges.GUARDED if privileges.held(row, row.owner_id) else frozenset[str]()
    changed = {name: new for name, new in values.items() if new != getattr(row, name) and name not in stays}
    told = {name: [getattr(row, name), value] for name, value in changed.items() if name != "contacts"}
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.version, row.updated_at = row.version + 1, clock.now()
        clients.record(session, row, "client.updated", changed=told)


def _fresh_for(answer: outbound.Answer) -> int:
    """Seconds for which its headers let it be kept, within our bounds (RFC 9111 section 5.2.2)."""
    control = _header(answer, "cache-control").lower()
    if "no-store" in control or "no-cache" in control:
        return MIN_FRESH
    found = _MAX_AGE.search(control)
    return max(MIN_FRESH, min(int(found[1]) if found else DEFAULT_FRESH, MAX_FRESH))


def _header(answer: outbound.Answer, name: str) -> str:
    return next((value for key, value in answer.headers if key.lower() == name), "")


def _is_usable(url: str) -> bool:
    facts = clients.find(url)
    return facts is not None and clock.now() - (facts.document_fetched_at or 0) < STALE_SECONDS


def _count(person_id: str) -> None:
    state = rate_limits.consume(POLICY, f"user/{person_id}", PER_PERSON)
    if not state.allowed:
        raise RateLimited(
            "Very many apps were looked up for you. Try again later.", "client documents", retry_after=state.retry_after
        )


_in_flight = threading.BoundedSemaphore(IN_FLIGHT)
_failed: dict[str, tuple[int, str]] = {}


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    if not _in_flight.acquire(timeout=WAIT_SECONDS):
        raise Unavailable("Too many apps are being looked up at this moment. Try again.", "client documents in flight")
    try:
        yield
    finally:
        _in_flight.release()


def _failed_lately(url: str) -> str:
    until, text = _failed.get(url, (0, ""))
    return text if until > clock.now() else ""


def _fail(url: str, text: str, detail: str) -> NoReturn:
    if len(_failed) >= MAX_FAILED:
        _failed.clear()
    _failed[url] = (clock.now() + FAILED_SECONDS, text)
    raise NotDescribed(text, detail)
