"""A small in-process cache of slow-changing rows, emptied within a second of any change on any node.

A server has a thread that reads the versions (`poll_in_background`): no request waits for that, and values that are
`kept` are there before the version that they belong to. Elsewhere whoever asks reads them, once a second.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Container
from typing import Any, Generic, TypeVar

from sqlalchemy import event, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from authserver import database
from authserver.errors import DomainError, Unavailable
from authserver.lib import rooms
from authserver.models import CacheVersion
from authserver.observability import logs

T = TypeVar("T")
POLL_SECONDS = 1.0
# The thread's own pause: with a statement and a busy machine it stays below a second.
REST_SECONDS = 0.8
# With the database gone, what we knew may be used for this long and no longer.
STALE_SECONDS = 60.0
# After a change of our own another thread's poll is waited for; a database that hangs is not.
FIRST_SECONDS = 1.0
_POLLING = rooms.Room("versions", seconds=2.0)
NAMES = ("clients", "scopes", "signing_keys", "permissions", "routes")

_lock = threading.Lock()
_renewing = threading.Lock()
_versions: dict[str, int] = {}
_polled_at = float("-inf")
_answered_at = float("-inf")
_background = False
_changed_here: Counter[str] = Counter()  # commits of this process, which need no poll to be known


class Cache(Generic[T]):
    """Values by key for one kind of row; `load` runs on a miss. A missing row is remembered for a poll, too.

    `kept` is for a cache whose one value has the key "": a server loads it anew before anybody misses it, and the last
    one is there for whoever may go on with it while the database is away.
    """

    def __init__(self, name: str, load: Callable[[str], T], limit: int = 10_000, *, kept: bool = False) -> None:
        if name not in NAMES:
            raise ValueError(name)
        self._name, self._load, self._limit, self.kept = name, load, limit, kept
        self._values: dict[str, T] = {}
        self._last: list[T] = []
        self._version = -1
        _caches.append(self)

    def get(self, key: str) -> T:
        """The value, at most a second behind the database; what this very transaction changed is read from there."""
        if (session := database.shared()) is not None and self._name in session.info.get("touched", ()):
            return self._load(key)
        version = current_version(self._name)
        if version != self._version:
            # Replaced, not cleared: a slower thread then writes into the old dictionary, not into the new one.
            self._values, self._version = {}, version
        values = self._values
        try:
            return values[key]
        except KeyError:
            value = self._load(key)
            if len(values) >= self._limit:
                # Emptied when full: keys that somebody makes up must not keep the real ones out.
                values = self._values = {}
            values[key] = value
            self._keep(value)
            return value

    def get_or_last(self) -> T:
        """The kept value; with the database away, the last that was known, however old."""
        try:
            return self.get("")
        except (SQLAlchemyError, OSError, DomainError):
            if not self._last:
                raise
            return self._last[0]

    def _keep(self, value: T) -> None:
        if self.kept:
            self._last[:] = [value]

    def renewal(self, names: Container[str]) -> Callable[[int], None] | None:
        """Load a kept value of one of these names; what makes it the value once its version is told."""
        if not self.kept or self._name not in names:
            return None
        here, value = _changed_here[self._name], self._load("")

        def renew(version: int) -> None:
            self._keep(value)
            self._values, self._version = {"": value}, version + here

        return renew

    @property
    def name(self) -> str:
        """The kind of row."""
        return self._name

    def clear(self) -> None:
        """Forget everything; tests and commands use it."""
        self._values, self._last = {}, []


_caches: list[Cache[Any]] = []


def touch(session: Session, name: str) -> None:
    """Say, in the transaction of the change, that rows of this kind changed.

    Written when it commits, in one order: these rows are everybody's, and who holds one of them must wait for nothing.
    """
    touched: set[str] = session.info.setdefault("touched", set())
    if not touched:
        event.listen(session, "before_commit", _write_touched, once=True)
    touched.add(name)


def _write_touched(session: Session) -> None:
    for name in sorted(session.info.pop("touched")):
        session.execute(update(CacheVersion).where(CacheVersion.name == name).values(version=CacheVersion.version + 1))
        event.listen(session, "after_commit", functools.partial(_changed_by, name), once=True)


def _changed_by(name: str, _session: Session) -> None:
    _changed(name)


def current_version(name: str) -> int:
    """The version of one kind, at most a second old. Raises Unavailable once the database was silent for a minute."""
    if _background:
        if time.monotonic() - _answered_at > STALE_SECONDS:
            raise Unavailable("The server cannot answer right now.", "no version of cached rows for a minute")
        return _versions.get(name, 0) + _changed_here[name]
    return _version_on_demand(name)


def _version_on_demand(name: str) -> int:
    global _polled_at, _answered_at
    now = time.monotonic()
    if now - _polled_at >= POLL_SECONDS and _lock.acquire(timeout=FIRST_SECONDS if _polled_at == float("-inf") else 0):
        try:
            if now - _polled_at >= POLL_SECONDS:
                _poll()
                _polled_at = _answered_at = time.monotonic()
        except Exception:
            if now - _answered_at > STALE_SECONDS:
                raise
            _polled_at = now
        finally:
            _lock.release()
    elif STALE_SECONDS < now - _answered_at < float("inf"):
        raise Unavailable("The server cannot answer right now.", "what is cached is older than may be used")
    return _versions.get(name, 0)


def forget() -> None:
    """Poll again at the next use; a server, whose requests don't poll, does it now."""
    global _polled_at
    _polled_at = float("-inf")
    if _background:
        rooms.about_to_ask_database()  # and before waiting for another thread that does
        _poll_and_renew()


def _changed(name: str) -> None:
    """A transaction of this process changed rows of this kind."""
    if _background:
        with _lock:
            _changed_here[name] += 1
    else:
        forget()


def poll_in_background() -> None:
    """Read the versions once, and from now on in a thread of this process."""
    global _background
    _try_to_poll()
    _background = True
    threading.Thread(target=_keep_polling, name="versions", daemon=True).start()


def _keep_polling() -> None:
    while True:
        time.sleep(REST_SECONDS)
        _try_to_poll()


def _try_to_poll() -> None:
    try:
        with rooms.entered(_POLLING):
            _poll_and_renew()
    except Unavailable:
        pass  # the breaker is open, and has said so
    except Exception as failure:  # the next one may be answered; what needs the database says what is wrong
        logs.event("versions_not_read", level="warning", error=type(failure).__name__)


def _poll_and_renew() -> None:
    global _answered_at
    with _renewing:
        began = time.monotonic()
        found = _read()
        changed = {name for name, version in found.items() if _versions.get(name) != version}
        renewals = [(each.name, renew) for each in _caches if (renew := _renewal(each, changed)) is not None]
        _versions.update(found)
        for name, renew in renewals:
            renew(found[name])
        _answered_at = began


def reset() -> None:
    """Empty every cache, for a new database in the same process."""
    global _answered_at
    for each in _caches:
        each.clear()
        each._version = -1
    _versions.clear()
    _answered_at = float("-inf")
    forget()


def _renewal(of: Cache[Any], changed: Container[str]) -> Callable[[int], None] | None:
    try:
        return of.renewal(changed)
    except Exception as failure:  # whoever asks for these rows will be told; the others are none the worse
        logs.failure("cache_not_renewed", failure, level="warning", kind=of.name)
        return None


def _poll() -> None:
    _versions.update(_read())


def _read() -> dict[str, int]:
    with database.autocommit() as connection:
        return {row.name: row.version for row in connection.execute(select(CacheVersion.name, CacheVersion.version))}
