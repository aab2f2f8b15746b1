"""How far long work has come, for whoever looks on; into a file and a pipe nothing of it goes."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import click

T = TypeVar("T")
EVERY = 0.2
"""Seconds between two looks at a file that grows."""


@contextlib.contextmanager
def counted(length: int, label: str, *, results: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar for so many steps; what it gives is told how many were done.

    With `results` the command prints some on the way: on the same terminal they are to be seen, and no bar.
    """
    hidden = not sys.stderr.isatty() or (results and sys.stdout.isatty())
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden) as bar:
        yield bar.update


def noticed(each: Iterable[T], told: Callable[[int], None]) -> Iterator[T]:
    """The same things; each is told when whoever takes it comes for the next."""
    for one in each:
        yield one
        told(1)


@contextlib.contextmanager
def named(label: str) -> Iterator[Callable[[int, int, str], None]]:
    """What is being done now; it is told how many parts are done, of how many, and the name of the next."""

    def told(done: int, of: int, name: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{label}  {done + 1}/{of}  {name}")
            sys.stderr.flush()

    try:
        yield told
    finally:
        _wipe()


@contextlib.contextmanager
def growing(file: Path, label: str, *, expected: int = 0) -> Iterator[None]:
    """How large a file is that others write, and of how many bytes, where that is known."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    teller = threading.Thread(target=_tell, args=(file, label, expected, done), name="progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
        _wipe()


def _wipe() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _tell(file: Path, label: str, expected: int, done: threading.Event) -> None:
    of = f" of about {_megabytes(expected)}" if expected else ""
    while not done.wait(EVERY):
        with contextlib.suppress(OSError):
            sys.stderr.write(f"\r\x1b[K{label}  {_megabytes(file.stat().st_size)}{of}")
            sys.stderr.flush()


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.1f} MB"
