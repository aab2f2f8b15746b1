"""A small in-process cache of slow-changing rows, emptied within a second of any change on any node.

A server has a thread that reads the versions (`poll_in_background`): no request waits for that, and values that are
`kept` are there before the version that they belong to. Elsewhere whoever asks reads them, once a second.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from typing import Any, Generic, TypeVar

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import changes
from authserver.domain.ground.changes import Change
from authserver.errors import DomainError, Unavailable
from authserver.lib import rooms
from authserver.lib.recent import Recent
from authserver.observability import logs

T = TypeVar("T")
Belonging = Callable[[Any], str | None]
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
    """Values by key for one kind of row; `load` runs on a miss. Those that are asked for stay, however many others are.

    `by_row` is for a cache whose keys are those that `touch` is told: a change empties it of these alone, and of values
    for which it returns one of them, such as their owner's.
    `kept` is for a cache whose one value has the key "": a server loads it anew before anybody misses it, and the last
    one is there for whoever may go on with it while the database is away.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[str], T],
        limit: int = 10_000,
        *,
        kept: bool = False,
        by_row: Belonging | None = None,
    ) -> None:
        if name not in NAMES:
            raise ValueError(name)
        self._name, self._load, self.kept, self._by_row = name, load, kept, by_row
        self._values: Recent[str, tuple[T]] = Recent(limit)
        # Keys that lead to nothing, which anybody can make up: they take no room from the others.
        self._missing: Recent[str, tuple[T]] = Recent(limit // 8)
        self._last: list[T] = []
        _caches.append(self)

    def get(self, key: str) -> T:
        """The value, at most a second behind the database; what this very transaction changed is read from there."""
        if (session := database.shared()) is not None and self._name in session.info.get("touched", ()):
            return self._load(key)
        _require_answers()
        held = self._values.find(key) or self._missing.find(key)
        if held is not None:
            return held[0]
        ages = self._values.age, self._missing.age
        value = self._load(key)
        if value is None:
            self._missing.keep(key, (value,), age=ages[1])
        else:
            self._values.keep(key, (value,), age=ages[0])
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

    def forget(self, keys: Collection[str] | None = None) -> None:
        """Forget what changed; None is anything."""
        belonging = self._by_row
        if keys is None or belonging is None:
            self._values.forget()
            self._missing.forget()
            return
        self._values.forget(keys, where=lambda held: belonging(held[0]) in keys)
        self._missing.forget(keys)

    def renewal(self, names: Container[str]) -> Callable[[], None] | None:
        """Load a kept value of one of these names; what makes it the value, unless there was a change meanwhile."""
        if not self.kept or self._name not in names:
            return None
        age, value = self._values.age, self._load("")

        def renew() -> None:
            unchanged = self._values.age == age
            self.forget()
            if unchanged:
                self._keep(value)
                self._values.keep("", (value,), age=age + 1)

        return renew

    @property
    def name(self) -> str:
        """The kind of row."""
        return self._name

    def clear(self) -> None:
        """Forget everything, the last value too; tests and commands use it."""
        self.forget()
        self._last = []


_caches: list[Cache[Any]] = []


def touch(session: Session, name: str, keys: Iterable[str] | None = None) -> None:
    """Say, in the transaction of the change, that rows of this kind changed: those of these keys, or any.

    Written when it commits, in one order: these rows are everybody's, and who holds one of them must wait for nothing.
    """
    touched: dict[str, set[str] | None] = session.info.setdefault("touched", {})
    if not touched:
        event.listen(session, "before_commit", _write_touched, once=True)
    before = touched.get(name, set())
    touched[name] = None if keys is None or before is None else before.union(keys)


def _write_touched(session: Session) -> None:
    session.flush()
    touched: dict[str, set[str] | None] = session.info.pop("touched")
    for name, keys in sorted(touched.items()):
        if keys is None or keys:
            changes.write(session, name, keys)
            event.listen(session, "after_commit", functools.partial(_changed_by, name, keys), once=True)


def _changed_by(name: str, keys: set[str] | None, _session: Session) -> None:
    _changed(name, keys)


def current_version(name: str) -> int:
    """The version of one kind, at most a second old. Raises Unavailable once the database was silent for a minute."""
    _require_answers()
    return _versions.get(name, 0) + _changed_here[name]


def _require_answers() -> None:
    """What is known may be used: a thread reads the versions and was answered, or they are read now."""
    if not _background:
        _poll_if_due()
    elif time.monotonic() - _answered_at > STALE_SECONDS:
        raise Unavailable("The server cannot answer right now.", "no version of cached rows for a minute")


def _poll_if_due() -> None:
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


def forget() -> None:
    """Poll again at the next use; a server, whose requests don't poll, does it now."""
    global _polled_at
    _polled_at = float("-inf")
    if _background:
        rooms.about_to_ask_database()  # and before waiting for another thread that does
        _poll_and_renew()


def _changed(name: str, keys: Collection[str] | None) -> None:
    """A transaction of this process changed rows of this kind."""
    if not _background:
        forget()
        return
    _forget(name, keys)
    with _lock:
        _changed_here[name] += 1


def _forget(name: str, keys: Collection[str] | None) -> None:
    for each in _caches:
        if each.name == name:
            each.forget(keys)


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
        changed = changes.read(_versions)
        renewals = {id(each): renew for each in _caches if (renew := _renewal(each, changed)) is not None}
        for each in _caches:
            if each.name in changed:
                renewals.get(id(each), functools.partial(each.forget, changed[each.name].keys))()
        _tell(changed)
        _answered_at = began


def reset() -> None:
    """Empty every cache, for a new database in the same process."""
    global _answered_at
    for each in _caches:
        each.clear()
    _versions.clear()
    _answered_at = float("-inf")
    forget()


def _renewal(of: Cache[Any], changed: Container[str]) -> Callable[[], None] | None:
    try:
        return of.renewal(changed)
    except Exception as failure:  # whoever asks for these rows will be told; the others are none the worse
        logs.failure("cache_not_renewed", failure, level="warning", kind=of.name)
        return None


def _poll() -> None:
    changed = changes.read(_versions)
    for name, change in changed.items():
        _forget(name, change.keys)
    _tell(changed)


def _tell(changed: Mapping[str, Change]) -> None:
    """After what was cached is gone: whoever makes something of it takes it for no newer than it is."""
    _versions.update({name: change.version for name, change in changed.items()})
