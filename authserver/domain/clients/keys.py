"""The public keys of clients: registered with them, or fetched from their `jwks_uri` (contract 11.28).

Those that stand in a client id metadata document are fetched with it, as from an address of their own: whoever takes a
key out of it has ended that key.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, or_, select, update

from authserver import config, database
from authserver.domain import outbound
from authserver.domain.clients import clients
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.ground import cache
from authserver.lib import clock, jwk, jwt, rooms
from authserver.models import FetchedJwks
from authserver.observability import logs

MAX_KEYS = 20
REFETCH_SECONDS = 60  # one try for each client, on all workers and nodes together
FRESH_SECONDS = 600  # fetched keys are used for this long without asking again
STALE_SECONDS = 86_400  # and for this long if asking fails
FETCH_TIMEOUT = 2.0
WAIT_SECONDS = 2.5
PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a client's address said, and when (epoch seconds; 0 for never)."""

    uri: str
    keys: tuple[jwk.VerifyKey, ...]
    fetched_at: int
    tried_at: int


def verify(client: ClientFacts, token: str, algs: frozenset[str]) -> dict[str, Any]:
    """The claims of a server-to-server JWT that the client signed with one of its keys. Raises InvalidToken.

    Without `kid` it is accepted if exactly one key fits; under whatever `kid`, by a key that has no name of its own
    (contract 11.40), once fetched keys that do not fit were fetched once more.
    """
    if client.keys_end_at is not None and client.keys_end_at <= clock.now():
        raise jwt.InvalidToken("the keys were a former owner's")
    if not _address(client):
        return _leniently(token, _registered.get(client.id) if client.jwks else (), algs)
    known = _fetched(client)
    try:
        return _verified(token, known.keys, algs)
    except jwt.InvalidToken:
        return _leniently(token, _refetched(client, known).keys, algs)


def verify_named(client: ClientFacts, token: str, algs: frozenset[str], *, typ: str | None) -> dict[str, Any]:
    """The claims of what the client signed, by the key that its `kid` names or the only one that fits.

    Never by trying keys on another's name (contract 11.40). Raises InvalidToken.
    """
    if client.keys_end_at is not None and client.keys_end_at <= clock.now():
        raise jwt.InvalidToken("the keys were a former owner's")
    if not _address(client):
        return _verified(token, _registered.get(client.id) if client.jwks else (), algs, typ)
    known = _fetched(client)
    try:
        return _verified(token, known.keys, algs, typ)
    except jwt.InvalidToken:
        return _verified(token, _refetched(client, known).keys, algs, typ)


def _verified(
    token: str, keys: Sequence[jwk.VerifyKey], algs: frozenset[str], typ: str | None = None
) -> dict[str, Any]:
    return jwt.verify(token, keys, algs=algs, typ=typ, require_kid=False)


def _leniently(token: str, keys: Sequence[jwk.VerifyKey], algs: frozenset[str]) -> dict[str, Any]:
    """By name first: only a JWT whose name leads to no key is tried on those without one."""
    try:
        return _verified(token, keys, algs)
    except jwt.InvalidToken as refused:
        if refused.reason != "no key fits":
            raise
    return jwt.verify_unnamed(token, keys, algs=algs, typ=None)


# Registered keys


def _load(client_id: str) -> tuple[jwk.VerifyKey, ...]:
    client = clients.find(client_id)
    document = client.jwks if client and client.jwks else {}
    return _parsed(document.get("keys", ()))


_registered = cache.Cache[tuple[jwk.VerifyKey, ...]]("clients", _load, by_row=lambda _keys: None)


def _parsed(keys: Iterable[Any]) -> tuple[jwk.VerifyKey, ...]:
    """The keys that can be used; others may stand beside them (RFC 7517 section 5)."""
    found = (_key(json.dumps(each, sort_keys=True)) for each in keys if isinstance(each, Mapping))
    return tuple(key for key in found if key is not None)


@functools.lru_cache(maxsize=2048)
def _key(text: str) -> jwk.VerifyKey | None:
    # Importing an RSA key costs 37 ms.
    try:
        return jwk.load_public(json.loads(text))
    except jwk.InvalidKey:
        return None


# Fetched keys: a row that all processes share, and a copy of it in each


_copies: dict[str, Fetched] = {}
_fetching: dict[str, threading.Lock] = {}
_guard = threading.Lock()


def _address(client: ClientFacts) -> str:
    """Where its keys are fetched: of those in a document, that document; empty if they were registered."""
    described = client.jwks and client.document_url and config.current().cimd == "on"
    return client.jwks_uri or (str(client.document_url) if described else "")


def _fetched(client: ClientFacts) -> Fetched:
    """The keys at the client's address, at most ten minutes old if the address answers."""
    known = _known(client)
    if known is None:
        return _refetched(client, None)
    return known if clock.now() - known.fetched_at < FRESH_SECONDS else _refetched(client, known)


def _known(client: ClientFacts) -> Fetched | None:
    """The newest that is at hand: the copy of this process, or what the document said when its person came."""
    copy, address = _copies.get(client.id), _address(client)
    copy = copy if copy is not None and copy.uri == address else None
    if address != client.document_url:
        return copy
    at = client.document_fetched_at or 0
    return copy if copy is not None and copy.fetched_at >= at else Fetched(address, _registered.get(client.id), at, at)


def _refetched(client: ClientFacts, known: Fetched | None) -> Fetched:
    """What is newer than `known`: read from the shared row, or fetched by one of all who want it."""
    if known is not None and not _due(known):
        return known
    rooms.about_to_ask_outside(client.answerable)
    with _lock_of(client.id):
        copy = _copies.get(client.id)
        if copy is not None and copy is not known and copy.uri == _address(client) and _newer(copy, known) is copy:
            return copy  # another thread was faster
        row = _row(client)
        found = _fetch(client) if (row is None or _due(row)) and _claim(client) else _awaited(client)
        _copies[client.id] = found = _usable(_newer(found, known))
    return found


def _newer(found: Fetched, known: Fetched | None) -> Fetched:
    """What was known stays if nothing newer was found: a document was read before its keys were fetched."""
    older = known is None or known.fetched_at <= found.fetched_at
    return found if older or known is None else dataclasses.replace(known, tried_at=found.tried_at)


def _due(found: Fetched) -> bool:
    return not 0 <= clock.now() - found.tried_at < REFETCH_SECONDS


def _usable(known: Fetched) -> Fetched:
    old = clock.now() - known.fetched_at > STALE_SECONDS
    return Fetched(known.uri, (), known.fetched_at, known.tried_at) if old else known


def _lock_of(client_id: str) -> threading.Lock:
    with _guard:
        return _fetching.setdefault(client_id, threading.Lock())


def _row(client: ClientFacts) -> Fetched | None:
    with database.autocommit() as connection:
        row = connection.execute(
            select(FetchedJwks.uri, FetchedJwks.keys, FetchedJwks.fetched_at, FetchedJwks.tried_at).where(
                FetchedJwks.client_id == client.id, FetchedJwks.uri == _address(client)
            )
        ).one_or_none()
    return Fetched(row[0], _parsed(row[1]), row[2] or 0, row[3]) if row else None


def _claim(client: ClientFacts) -> bool:
    """Win the one try of this minute, on all workers and nodes together."""
    now = clock.now()
    new = database.insert(FetchedJwks).values(
        client_id=client.id, uri=_address(client), keys=[], fetched_at=None, tried_at=now
    )
    due = or_(FetchedJwks.tried_at <= now - REFETCH_SECONDS, FetchedJwks.tried_at > now)
    statement = new.on_conflict_do_update(
        index_elements=[FetchedJwks.client_id], set_={"tried_at": now}, where=due
    ).returning(FetchedJwks.tried_at)
    with database.writing() as connection:
        # Keys of another address say nothing about this one.
        connection.execute(
            delete(FetchedJwks).where(FetchedJwks.client_id == client.id, FetchedJwks.uri != _address(client))
        )
        return connection.execute(statement).one_or_none() is not None


def _fetch(client: ClientFacts) -> Fetched:
    """Ask the client's address. What it said before stays good for a while if it does not answer now."""
    keys = _ask(client)
    if keys is not None:
        with database.writing() as connection:
            connection.execute(
                update(FetchedJwks)
                .where(FetchedJwks.client_id == client.id, FetchedJwks.uri == _address(client))
                .values(keys=keys, fetched_at=clock.now())
            )
    return _row(client) or _nothing(client)


def _ask(client: ClientFacts) -> list[dict[str, Any]] | None:
    """The keys that the address shows now; None if it shows no key set."""
    try:
        answer = outbound.fetch(_address(client), "GET", _ACCEPT, b"", timeout=FETCH_TIMEOUT)
    except (outbound.Blocked, outbound.Failed) as failure:
        logs.event("jwks_not_fetched", level="warning", client_id=client.id, msg=str(failure)[:200])
        return None
    if answer.status != 200 or answer.cut:
        return None
    return _usable_keys(answer.body, described=_address(client) == client.document_url)


_ACCEPT = {"Accept": "application/jwk-set+json, application/json"}


def _nothing(client: ClientFacts) -> Fetched:
    return Fetched(_address(client), (), 0, clock.now())


def _usable_keys(body: bytes, *, described: bool = False) -> list[dict[str, Any]] | None:
    """The keys of a JWK Set, or of the one in a document, that can be used; None if it is none, so that others stay."""
    try:
        document = json.loads(body)
        keys = (document["jwks"] if described else document)["keys"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    if not isinstance(keys, list):
        return None
    return [each for each in keys[:MAX_KEYS] if isinstance(each, dict) and _parsed([each])]


def _awaited(client: ClientFacts) -> Fetched:
    """What another worker is fetching at this moment, or fetched a moment ago."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        row = _row(client) or _nothing(client)
        under_way = row.fetched_at < row.tried_at and 0 <= clock.now() - row.tried_at <= FETCH_TIMEOUT
        if not under_way or time.monotonic() > deadline:
            return row
        time.sleep(PAUSE)
