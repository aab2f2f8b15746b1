"""Turns between the processes of one machine: who has waited is next, and who dies gives the turn back."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

with contextlib.suppress(ImportError):  # Windows has none, so that no lock is kept there
    import fcntl


class Turns:
    """One turn for all processes that name the same `path`; within a process one thread at a time may ask for it.

    Two files beside the path are locked (flock, which the system ends with the process): `.turn` by who is in turn,
    `.next` by who comes after. Who gives the turn back and wants it again stands behind that one, so that nobody has
    it twice while another waits. What cannot be locked at once is waited for by a thread, since flock knows no time.
    """

    def __init__(self, path: Path) -> None:
        self._turn, self._next = (_opened(path, end) for end in (".turn", ".next"))
        self._lock = threading.Lock()
        self._wanted = self._waiting = False
        self._came = threading.Event()
        self._wishes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def take(self, seconds: float) -> bool:
        """Wait for the turn; False if it did not come in time. Raises OSError where nothing can be locked."""
        with self._lock:
            if not self._waiting and self._at_once():
                return True
            self._wanted = True
            if not self._waiting:
                self._waiting = True
                self._wishes.put(None)
            if self._thread is None:
                self._thread = threading.Thread(target=self._wait, name="turn", daemon=True)
                self._thread.start()
        self._came.wait(seconds)
        with self._lock:
            self._wanted = False
            came = self._came.is_set()
            self._came.clear()
        return came

    def give(self) -> None:
        """Give the turn back."""
        _unlock(self._turn)

    def close(self) -> None:
        """Let go of the files, and with them of a turn."""
        for each in (self._turn, self._next):
            with contextlib.suppress(OSError):
                os.close(each)

    def _at_once(self) -> bool:
        if not _lock(self._next, wait=False):
            return False
        try:
            return _lock(self._turn, wait=False)
        finally:
            _unlock(self._next)

    def _wait(self) -> None:
        while True:
            self._wishes.get()
            _lock(self._next)
            _lock(self._turn)
            _unlock(self._next)
            with self._lock:
                self._waiting = False
                if self._wanted:
                    self._came.set()
                else:  # whoever wanted it gave up
                    _unlock(self._turn)


def are_kept(path: Path) -> bool:
    """Whether the file system of `path` keeps a lock of one from another: some of networks say yes to everybody."""
    try:
        with _held(path) as first, _held(path) as second:
            return not (_lock(first, wait=False) and _lock(second, wait=False))
    except (OSError, NameError):
        return False


@contextlib.contextmanager
def _held(path: Path) -> Iterator[int]:
    file = _opened(path, ".turn")
    try:
        yield file
    finally:
        os.close(file)


def _opened(path: Path, end: str) -> int:
    file = os.open(path.with_name(path.name + end), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:  # a command of root's must not keep the server out
        owner = path.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)
    return file


def _lock(file: int, *, wait: bool = True) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _unlock(file: int) -> None:
    fcntl.flock(file, fcntl.LOCK_UN)
