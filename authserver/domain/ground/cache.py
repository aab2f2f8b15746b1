"""A small in-process cache of slow-changing rows, emptied within a second of any change on any node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from authserver import database
from authserver.errors import Unavailable
from authserver.models import CacheVersion

T = TypeVar("T")
POLL_SECONDS = 1.0
# With the database gone, what we knew may be used for this long and no longer.
STALE_SECONDS = 60.0
# After a change of our own another thread's poll is waited for; a database that hangs is not.
FIRST_SECONDS = 1.0
NAMES = ("clients", "scopes", "signing_keys", "permissions", "routes")

_lock = threading.Lock()
_versions: dict[str, int] = {}
_polled_at = float("-inf")
_answered_at = float("-inf")


class Cache(Generic[T]):
    """Values by key for one kind of row; `load` runs on a miss. A missing row is remembered for a poll, too."""

    def __init__(self, name: str, load: Callable[[str], T], limit: int = 10_000) -> None:
        if name not in NAMES:
            raise ValueError(name)
        self._name, self._load, self._limit = name, load, limit
        self._values: dict[str, T] = {}
        self._version = -1
        _caches.append(self)

    def get(self, key: str) -> T:
        """The value, at most a second behind the database."""
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
            return value

    def clear(self) -> None:
        """Forget everything; tests and commands use it."""
        self._values = {}


_caches: list[Cache[Any]] = []


def touch(session: Session, name: str) -> None:
    """Say, in the transaction of the change, that rows of this kind changed."""
    session.execute(update(CacheVersion).where(CacheVersion.name == name).values(version=CacheVersion.version + 1))
    event.listen(session, "after_commit", lambda _session: forget(), once=True)


def current_version(name: str) -> int:
    """The version of one kind, read from the database at most once a second."""
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
    """Poll again at the next use."""
    global _polled_at
    _polled_at = float("-inf")


def reset() -> None:
    """Empty every cache, for a new database in the same process."""
    global _answered_at
    for each in _caches:
        each.clear()
        each._version = -1
    _versions.clear()
    _answered_at = float("-inf")
    forget()


def _poll() -> None:
    with database.autocommit() as connection:
        for name, version in connection.execute(select(CacheVersion.name, CacheVersion.version)):
            _versions[name] = version
