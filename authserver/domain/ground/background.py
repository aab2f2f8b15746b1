"""One thread for each process that needs it: threads do not survive a fork, so each process starts its own."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable


class Background:
    """A named daemon thread that runs `work`, started once in each process, at its first `start`.

    `at_exit` is called when such a process ends.
    """

    def __init__(self, name: str, work: Callable[[], None], *, at_exit: Callable[[], None] | None = None) -> None:
        self._name, self._work, self._at_exit = name, work, at_exit
        self._pid = 0
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def start(self) -> None:
        """Start the thread, unless this process has it."""
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            self._pid = os.getpid()
        if self._at_exit is not None:
            atexit.register(self._at_exit)
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _after_fork(self) -> None:
        self._lock = threading.Lock()  # the parent's may be held by a thread that is not here
