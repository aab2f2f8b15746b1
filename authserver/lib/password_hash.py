"""Password hashes: argon2id, a few at a time (security.md 7.3, contract.md 11.27).

A password is hashed as the UTF-8 of its NFC form and otherwise exactly as sent: spaces at the edges, case
and everything past byte 72 count. One with a NUL, a lone surrogate or more than 1,024 characters is
refused before hashing. That refusal is quick, but it depends on what the caller sent alone, so its timing
tells nothing about an account.
"""

import base64
import contextlib
import os
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error

from authserver.lib import secrets

R = TypeVar("R")
MAX_LENGTH = 1024
MEMORY_KIB = 64 * 1024
TIME_COST = 3
# Behind each hash that is being made one may wait; who comes next is told at once.
WAITING_PER_SLOT = 1
WAIT_SECONDS = 2.0
# A hash is a tenth of a second and more of nothing but work: it gives way to answers that take a millisecond.
NICENESS = 10


class Busy(Exception):
    """Too many hash or wait already, or no slot became free in time. Answer 503 with Retry-After."""


class Refused(ValueError):
    """A password that is never hashed: too long, a NUL, or no valid Unicode."""


# Who is told of each change in how many wait for a slot, and of the seconds that each hash took.
_waiting: Callable[[int], object] = int
_took: Callable[[float], object] = float


def observe(*, waiting: Callable[[int], object], took: Callable[[float], object]) -> None:
    """Tell these from now on: how many more (or fewer) wait, and the seconds of each hash."""
    global _waiting, _took
    _waiting, _took = waiting, took


class _Machine:
    """The hasher, a dummy hash of the same cost, the slots, and the places of who hashes or waits."""

    def __init__(self, slots: int, wait_seconds: float, memory_kib: int, time_cost: int) -> None:
        self.hasher = PasswordHasher(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
        )
        self.dummy = f"$argon2id$v=19$m={memory_kib},t={time_cost},p=1${_b64(16)}${_b64(32)}"
        self.slots = threading.BoundedSemaphore(slots)
        self.most = slots * (1 + WAITING_PER_SLOT)
        self.places = threading.BoundedSemaphore(self.most)
        self.wait_seconds = wait_seconds

    @contextmanager
    def slot(self) -> Iterator[None]:
        if not self.places.acquire(blocking=False):
            raise Busy
        try:
            with self._turn():
                yield
        finally:
            self.places.release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        _waiting(1)
        try:
            found = self.slots.acquire(timeout=self.wait_seconds)
        finally:
            _waiting(-1)
        if not found:
            raise Busy
        started = time.perf_counter()
        try:
            yield
        finally:
            self.slots.release()
            _took(time.perf_counter() - started)


def _b64(nbytes: int) -> str:
    return base64.b64encode(secrets.random_bytes(nbytes)).rstrip(b"=").decode()


_machine = _Machine(os.cpu_count() or 1, WAIT_SECONDS, MEMORY_KIB, TIME_COST)


def configure(
    slots: int, wait_seconds: float = WAIT_SECONDS, *, memory_kib: int | None = None, time_cost: int | None = None
) -> None:
    """Set how many hashes run at once and how long others wait (seconds); costs stay unless given."""
    global _machine
    before = _machine.hasher
    _machine = _Machine(max(1, slots), wait_seconds, memory_kib or before.memory_cost, time_cost or before.time_cost)


def most() -> int:
    """How many hash or wait at once, at most."""
    return _machine.most


def hash(password: str) -> str:
    """The argon2id hash, in PHC form. Raises Refused, or Busy."""
    secret = _encode(password)
    machine = _machine
    with machine.slot():
        return _aside(lambda: machine.hasher.hash(secret))


def verify(stored: str | None, password: str) -> bool:
    """Whether the password fits. Without a stored hash (unknown user) the same work is done for nothing.

    Raises Busy.
    """
    try:
        secret = _encode(password)
    except Refused:
        return False
    machine = _machine
    with machine.slot():
        fits = _aside(lambda: _fits(machine, stored or machine.dummy, secret))
    return fits and bool(stored)


def needs_rehash(stored: str) -> bool:
    """Whether a hash was made with other parameters than those of today."""
    try:
        return _machine.hasher.check_needs_rehash(stored)
    except ValueError:
        return True


def _aside(work: Callable[[], R]) -> R:
    """Do it in a thread that gives way to all others; beside the work a thread costs nothing."""
    done: list[R] = []
    failed: list[BaseException] = []

    def run() -> None:
        _give_way()
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="password-hash", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _give_way() -> None:
    """Linux keeps a priority for each thread; elsewhere it is the process's, which is left alone."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            mine = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, mine, max(NICENESS, os.getpriority(os.PRIO_PROCESS, mine)))


def _fits(machine: _Machine, stored: str, secret: bytes) -> bool:
    try:
        return machine.hasher.verify(stored, secret)
    except (Argon2Error, ValueError):  # a damaged hash raises either, by the kind of damage
        return False


def _encode(password: str) -> bytes:
    if len(password) > MAX_LENGTH or "\0" in password:
        raise Refused("this password can't be used")
    try:
        return unicodedata.normalize("NFC", password).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refused("this password can't be used") from error
