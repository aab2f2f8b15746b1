"""Lines for a stream that may be slow, full or read by nobody: written by a thread, so that no request waits for it."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import threading
import time
from collections.abc import Callable

# What may wait in memory: some seconds of a busy worker, or its longest lines.
MAX_CHARACTERS = 4 * 1024 * 1024
# A write of so many bytes into a pipe is one, whoever else writes into it (POSIX, PIPE_BUF).
ATOMIC_BYTES = 4096
# After a write the thread rests: under load it wakes two hundred times a second and not for each line.
REST_SECONDS = 0.005
FLUSH_SECONDS = 1.0


class LineWriter:
    """Lines in the order they came, to a file descriptor. A line that finds the buffer full is dropped and counted.

    `note` makes the line that tells, in their place, how many lines are missing. `dropped` is told of each at once.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        note: Callable[[int], str],
        dropped: Callable[[int], object] = int,
        limit: int = MAX_CHARACTERS,
    ) -> None:
        self._descriptor, self._note, self._dropped, self._limit = descriptor, note, dropped, limit
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)
        self._begin()

    def _begin(self) -> None:
        """Empty and without a thread: after a fork the lines are the parent's, who writes them."""
        self._waiting: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        self._lock = threading.RLock()  # a signal's handler writes lines, too, in the middle of whatever was going on
        self._held, self._missing = 0, 0
        self._started = self._broken = False

    def write(self, line: str) -> None:
        """Take a line, without its end. Never waits for the stream."""
        with self._lock:
            if self._held + len(line) > self._limit:
                self._miss(1)
                return
            self._tell_missing()
            self._put(line)
        if not self._started:
            self._start()

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Wait until what came before is written, or for so long."""
        if self._started:
            done = threading.Event()
            self._waiting.put(done)
            done.wait(seconds)

    def _put(self, line: str) -> None:
        self._held += len(line)
        self._waiting.put(line)

    def _miss(self, lines: int) -> None:
        with self._lock:
            self._missing += lines
        self._dropped(lines)

    def _tell_missing(self) -> None:
        missing, self._missing = self._missing, 0
        if missing:
            self._put(self._note(missing))

    def _start(self) -> None:
        with self._lock:
            if self._started:
                return
            self._started = True
        threading.Thread(target=self._work, name="log-lines", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._write_some(self._waiting.get())
            if self._waiting.empty():
                with self._lock:
                    if not self._broken:  # else the line that tells would be the next one lost, and so for ever
                        self._tell_missing()
                time.sleep(REST_SECONDS)

    def _write_some(self, first: str | threading.Event) -> None:
        """This line, and those behind it that fit into one write."""
        batch, size, met = [], 0, first
        while isinstance(met, str):
            batch.append(met)
            size += len(met) + 1
            try:
                met = self._waiting.get_nowait() if size < ATOMIC_BYTES // 2 else ""
            except queue.Empty:
                break
            if not met:
                break
        self._write_out(batch)
        if isinstance(met, threading.Event):
            met.set()

    def _write_out(self, batch: list[str]) -> None:
        for piece in _pieces(batch):
            try:
                _write_whole(self._descriptor, piece)
                self._broken = False
            except OSError:  # a full disk, or a pipe that nobody will read
                self._broken = True
                self._miss(piece.count(b"\n"))
        with self._lock:
            self._held -= sum(map(len, batch))


def _pieces(batch: list[str]) -> list[bytes]:
    """The lines as bytes, several in one piece as long as that stays one write into a pipe."""
    pieces = [b""]
    for line in batch:
        encoded = line.encode("utf-8", "backslashreplace") + b"\n"
        if pieces[-1] and len(pieces[-1]) + len(encoded) > ATOMIC_BYTES:
            pieces.append(b"")
        pieces[-1] += encoded
    return [piece for piece in pieces if piece]


def _write_whole(descriptor: int, piece: bytes) -> None:
    while piece:
        try:
            piece = piece[os.write(descriptor, piece) :]
        except BlockingIOError:  # somebody who shares the stream made it non-blocking
            with contextlib.suppress(OSError):
                select.select([], [descriptor], [], 1)
