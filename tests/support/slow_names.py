"""A name server of the test's own, which some names wait for in vain, and a process whose resolver asks it alone."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ADDRESS = "127.0.0.77"  # of the loopback network; resolvers ask port 53, which needs an administrator
SLOW = "slow.example"  # below it nothing is answered: a resolver gives up after ten seconds
_MOUNTED = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@dataclass
class Names:
    """Names below SLOW are never answered, all others are this machine's; `asked` are those that were asked for."""

    under: tuple[str, ...] = ()  # the words before a command whose resolver asks here
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Names]:
    """One for a block; skips where nobody may listen on port 53, or see another /etc/resolv.conf."""
    file = folder / "resolv.conf"
    file.write_text(f"nameserver {ADDRESS}\noptions timeout:5 attempts:2\n")
    names = Names(("unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNTED, str(file)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        try:
            listening.bind((ADDRESS, 53))
        except OSError as error:
            pytest.skip(f"nobody may answer names here: {error.strerror}")
        if not shutil.which("unshare") or subprocess.run([*names.under, "true"], capture_output=True).returncode:
            pytest.skip("no process here may have a resolver of its own (unshare --mount)")
        threading.Thread(target=_answer, args=(listening, names), daemon=True).start()
        yield names


def _answer(listening: socket.socket, names: Names) -> None:
    with contextlib.suppress(OSError):  # closed
        while True:
            question, whence = listening.recvfrom(512)
            name, kind, end = _asked(question)
            names.asked.append(name)
            if not name.endswith(SLOW):
                listening.sendto(_told(question[:end], kind), whence)


def _asked(question: bytes) -> tuple[str, int, int]:
    """The name, its type, and where the question ends (RFC 1035 section 4.1.2)."""
    labels, at = [], 12
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    return ".".join(labels).lower(), int.from_bytes(question[at + 1 : at + 3]), at + 5


def _told(question: bytes, kind: int) -> bytes:
    """127.0.0.1 for an A question, nothing for any other."""
    found = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04" + bytes([127, 0, 0, 1]) if kind == 1 else b""
    return (
        question[:2] + b"\x81\x80\x00\x01" + bytes([0, 1 if found else 0]) + b"\x00\x00\x00\x00" + question[12:] + found
    )
