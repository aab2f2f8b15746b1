"""Password hashes: argon2id, a few at a time (security.md 7.3, contract.md 11.27).

A password is hashed as the UTF-8 of its NFC form and otherwise exactly as sent: spaces at the edges, case
and everything past byte 72 count. One with a NUL, a lone surrogate or more than 1,024 characters is
refused before hashing. That refusal is quick, but it depends on what the caller sent alone, so its timing
tells nothing about an account.
"""

import base64
import os
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error

from authserver.lib import secrets

MAX_LENGTH = 1024
MEMORY_KIB = 64 * 1024
TIME_COST = 3
# Behind each hash that is being made one may wait; who comes next is told at once.
WAITING_PER_SLOT = 1
WAIT_SECONDS = 2.0


class Busy(Exception):
    """Too many hash or wait already, or no slot became free in time. Answer 503 with Retry-After."""


class Refused(ValueError):
    """A password that is never hashed: too long, a NUL, or no valid Unicode."""


class Turns(Protocol):
    """Says when a hash may begin, so that hashing leaves time for other work."""

    def wait(self, longest: float) -> float | None:
        """Wait for a turn; what it is taken to cost, None if it would come after so many seconds."""

    def spent(self, taken: float, cost: float) -> None:
        """It cost so many seconds of work instead."""


_turns: Turns | None = None


def take(turns: Turns | None) -> None:
    """From now on a hash begins when it is its turn."""
    global _turns
    _turns = turns


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
        give_up = time.monotonic() + self.wait_seconds
        _waiting(1)
        try:
            if not self.slots.acquire(timeout=self.wait_seconds):
                raise Busy
        finally:
            _waiting(-1)
        try:
            with _in_turn(give_up):
                yield
        finally:
            self.slots.release()


@contextmanager
def _in_turn(give_up: float) -> Iterator[None]:
    turns, taken = _turns, 0.0
    if turns is not None:
        found = turns.wait(max(0.0, give_up - time.monotonic()))
        if found is None:
            raise Busy
        taken = found
    started, worked = time.perf_counter(), time.thread_time()
    try:
        yield
    finally:
        _took(time.perf_counter() - started)
        worked = time.thread_time() - worked
        _worked.seconds = seconds() + worked
        if turns is not None:
            turns.spent(taken, worked)


_worked = threading.local()


def seconds() -> float:
    """What this thread has worked for hashes, in seconds of a core."""
    return float(getattr(_worked, "seconds", 0.0))


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
        return machine.hasher.hash(secret)


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
        fits = _fits(machine, stored or machine.dummy, secret)
    return fits and bool(stored)


def needs_rehash(stored: str) -> bool:
    """Whether a hash was made with other parameters than those of today."""
    try:
        return _machine.hasher.check_needs_rehash(stored)
    except ValueError:
        return True


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
