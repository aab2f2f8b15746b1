"""Where buckets live: Redis or Valkey, this machine's file, this process's memory.

Storages of the `limits` library. Its strategies count refusals too and ask Redis three times for one answer, so each
storage here has one more verb, `take`, which is one statement or one script.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from limits.storage import MemoryStorage, Storage
from limits.storage.redis import RedisStorage

from authserver.lib import clock

# The number counts layouts of the table: a file of another version, perhaps still in use by it, is left alone.
FILE = "rate-limits-2.sqlite3"
# A call to Redis may not hold a request up for longer than this (security.md E6).
REDIS_SECONDS = 0.045
# Another process writes to the file for microseconds; one that takes longer than this is not waited for.
BUSY_SECONDS = 0.5
BUSY_PAUSE = 0.0002
CLEAN_SECONDS = 60.0
CLEANED_AT_ONCE = 200  # rows; whoever asks meanwhile waits for less than a millisecond


class Counting(Protocol):
    """What every storage can do. Both return (count, end of the window in microseconds, whether there is room)."""

    def take(self, key: str, seconds: int, limit: int) -> tuple[int, int, bool]: ...
    def look(self, key: str, seconds: int, limit: int) -> tuple[int, int, bool]: ...


# This machine: exact across its processes, without another server


_TABLE = (
    "CREATE TABLE IF NOT EXISTS windows (key TEXT PRIMARY KEY, count INTEGER NOT NULL, began_us INTEGER NOT NULL,"
    " ends_us INTEGER NOT NULL) WITHOUT ROWID"
)
# A window is over at its end, which is `span` after it began, also if the limit was changed meanwhile; or if the clock
# was set back since: by more than a request is old when its statement runs, for another one may have begun the window.
SET_BACK_US = 10_000_000
_OVER = f"(ends_us <= :now OR began_us + :span <= :now OR began_us > :now + {SET_BACK_US})"
_ADD = f"""
INSERT INTO windows (key, count, began_us, ends_us) VALUES (:key, :amount, :now, :now + :span)
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN {_OVER} THEN :amount ELSE count + :amount END,
  began_us = CASE WHEN {_OVER} THEN :now ELSE began_us END,
  ends_us = CASE WHEN {_OVER} THEN :now ELSE began_us END + :span
"""  # noqa: S608  # every part is ours
_TAKE = f"{_ADD} WHERE {_OVER} OR count + :amount <= :limit RETURNING count, ends_us"
# RETURNING keeps SQLite's lock until its row was read, and to read it a thread waits for its turn at the interpreter:
# behind a page that is being made for 5 ms, with the requests of all workers behind the lock. So a request writes what
# it saw and one more, in one step, and says RETURNING only when others were faster again and again.
_TAKE_SEEN = f"{_ADD} WHERE CASE WHEN {_OVER} THEN 0 ELSE count END = :seen"
TRIES = 4
_CLEAN = "DELETE FROM windows WHERE key IN (SELECT key FROM windows WHERE ends_us <= :now LIMIT :most)"


class MachineStorage(Storage):
    """`machine:///path/to/file`: a small SQLite file that all workers of the machine write to.

    Losing it in a power cut costs the counts of one window, so nothing waits for the disk: a request takes 8 µs.
    """

    STORAGE_SCHEME = ["machine"]  # noqa: RUF012  # as the library declares it

    def __init__(self, uri: str, wrap_exceptions: bool = False, **options: float | str | bool) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._path = uri.removeprefix("machine://")
        self._local = threading.local()
        self._cleaned_at = time.monotonic()

    @property
    def base_exceptions(self) -> type[Exception]:
        return sqlite3.Error

    def take(self, key: str, seconds: int, limit: int) -> tuple[int, int, bool]:
        """Add one, unless that were more than the limit."""
        now, span = clock.now_us(), seconds * 1_000_000
        for _ in range(TRIES):
            count, ends_us = self._seen(key, span, now)
            if count >= limit:
                return count, ends_us, False
            if self._done(_TAKE_SEEN, key=key, amount=1, now=now, span=span, seen=count).rowcount:
                self._clean(now)
                return count + 1, ends_us, True
        row = self._one(_TAKE, key=key, amount=1, now=now, span=span, limit=limit)
        return (*self._seen(key, span, now), False) if row is None else (*row, True)

    def look(self, key: str, seconds: int, limit: int) -> tuple[int, int, bool]:
        """What `take` would find."""
        count, ends_us = self._seen(key, seconds * 1_000_000, clock.now_us())
        return count, ends_us, count < limit

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = clock.now_us()
        row = self._one(_ADD + " RETURNING count", key=key, amount=amount, now=now, span=expiry * 1_000_000)
        return int(row[0])

    def get(self, key: str) -> int:
        row = self._one("SELECT count FROM windows WHERE key = :key AND ends_us > :now", key=key, now=clock.now_us())
        return int(row[0]) if row else 0

    def get_expiry(self, key: str) -> float:
        row = self._one("SELECT ends_us FROM windows WHERE key = :key", key=key)
        return max(row[0] if row else 0, clock.now_us()) / 1_000_000

    def check(self) -> bool:
        try:
            return self._one("SELECT 1") is not None
        except sqlite3.Error:
            return False

    def reset(self) -> int | None:
        return int(self._one("SELECT count(*) FROM windows")[0]) if self._one("DELETE FROM windows") is None else None

    def clear(self, key: str) -> None:
        self._one("DELETE FROM windows WHERE key = :key", key=key)

    def _seen(self, key: str, span: int, now: int) -> tuple[int, int]:
        """Count and end of the window that is open, or of the one that would begin now; in microseconds."""
        found = self._one(
            f"SELECT count, began_us + :span FROM windows WHERE key = :key AND NOT {_OVER}",  # noqa: S608  # ours
            key=key,
            now=now,
            span=span,
        )
        return found or (0, now + span)

    def _one(self, statement: str, **values: Any) -> Any:
        """The first row of one statement, which is its own transaction."""
        return self._done(statement, **values).fetchone()

    def _done(self, statement: str, **values: Any) -> sqlite3.Cursor:
        deadline = 0.0
        while True:
            try:
                return self._connection().execute(statement, values)
            except sqlite3.OperationalError as error:
                # SQLite's own waiting sleeps for whole milliseconds, thousands of times what there is to wait for.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                deadline = deadline or time.monotonic() + BUSY_SECONDS
                if time.monotonic() > deadline:
                    raise
                time.sleep(BUSY_PAUSE)

    def _connection(self) -> sqlite3.Connection:
        # One for each thread; and a connection must not be used, nor closed, in a child of the process that opened it.
        local, pid = self._local, os.getpid()
        if getattr(local, "pid", None) != pid:
            if hasattr(local, "connection"):
                _inherited.append(local.connection)
            with _opening:
                local.connection, local.pid = self._open(), pid
        connection: sqlite3.Connection = local.connection
        return connection

    def _open(self) -> sqlite3.Connection:
        path = Path(self._path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600, exist_ok=True)
        connection = sqlite3.connect(path, timeout=5, isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=OFF", _TABLE, "PRAGMA busy_timeout=0"):
            connection.execute(statement)
        return connection

    def _clean(self, now: int) -> None:
        if time.monotonic() - self._cleaned_at < CLEAN_SECONDS:
            return
        if self._done(_CLEAN, now=now, most=CLEANED_AT_ONCE).rowcount < CLEANED_AT_ONCE:  # else the next one goes on
            self._cleaned_at = time.monotonic()


_inherited: list[sqlite3.Connection] = []
# Changing a new file's journal mode is the one thing for which SQLite does not wait by itself.
_opening = threading.Lock()


def _after_fork() -> None:
    global _opening
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# Several nodes: Redis or Valkey


# The value is the count and how long its window was to last when it was written, in milliseconds.
_SCRIPT = b"""
local span = tonumber(ARGV[1])
local count, was = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%d+)$')
local left = redis.call('PTTL', KEYS[1])
if count and left > 0 then count, left = tonumber(count), left + span - tonumber(was) else left = 0 end
if left <= 0 then count, left = 0, span end
if count + tonumber(ARGV[3]) > tonumber(ARGV[2]) then return {count, left, 0} end
if ARGV[3] == '0' then return {count, left, 1} end
redis.call('SET', KEYS[1], (count + 1) .. ' ' .. ARGV[1], 'PX', left)
return {count + 1, left, 1}
"""


class SharedStorage(RedisStorage):
    """Redis or Valkey, asked once for each request and never waited for."""

    def __init__(self, uri: str) -> None:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        super().__init__(
            uri.replace("valkey", "redis", 1) if uri.startswith("valkey") else uri,  # one driver speaks to both
            key_prefix="authserver",
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]  # the library passes it on
        )
        self._script = self.get_connection().register_script(_SCRIPT)

    def take(self, key: str, seconds: int, limit: int) -> tuple[int, int, bool]:
        """Add one, unless that were more than the limit."""
        return self._run(key, seconds, limit, 1)

    def look(self, key: str, seconds: int, limit: int) -> tuple[int, int, bool]:
        """What `take` would find."""
        count, ends_us, _ = self._run(key, seconds, limit, 0)
        return count, ends_us, count < limit

    def _run(self, key: str, seconds: int, limit: int, amount: int) -> tuple[int, int, bool]:
        count, left_ms, room = self._script([self.prefixed_key(key)], [seconds * 1000, limit, amount])
        return int(count), clock.now_us() + int(left_ms) * 1000, bool(room)


# This process: when nothing else is left


class ProcessStorage(MemoryStorage):
    """The memory of one worker. A window of another length is another one here."""

    def __init__(self) -> None:
        super().__init__()
        self._one_at_a_time = threading.Lock()  # the library forgets a bucket that two threads begin together

    def take(self, key: str, seconds: int, limit: int) -> tuple[int, int, bool]:
        """Add one, whatever comes."""
        name = f"{key}/{seconds}"
        with self._one_at_a_time:
            count = self.incr(name, seconds)
            return min(count, limit), int(self.get_expiry(name) * 1_000_000), count <= limit

    def look(self, key: str, seconds: int, limit: int) -> tuple[int, int, bool]:
        """What `take` would find."""
        name = f"{key}/{seconds}"
        count = self.get(name)
        ends_us = int(self.get_expiry(name) * 1_000_000) if count else clock.now_us() + seconds * 1_000_000
        return min(count, limit), ends_us, count < limit
