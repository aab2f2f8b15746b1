"""The address that a server binds: whether it can be had, who has it otherwise, and whether it answers."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from authserver.cli.output import NotReady

# States and columns of /proc/net/tcp, see proc(5).
_LISTENING, _LOCAL, _STATE, _INODE = "0A", 1, 3, 9


def require_free(host: str, port: int) -> None:
    """Raise NotReady with the reason if the address cannot be bound, or if something listens there: with SO_REUSEPORT
    the kernel would let both share the port.
    """
    problem = _tried(host, port)
    if problem is not None:
        raise NotReady(_why(problem, host, port))


def is_free(host: str, port: int) -> bool:
    """Whether nothing listens on this address."""
    return _tried(host, port) is None


def answers(host: str, port: int) -> bool:
    """Whether something accepts connections on this address."""
    try:
        socket.create_connection((host, port), timeout=0.2).close()
    except OSError:
        return False
    return True


listening = threading.Event()  # a worker accepts connections


def own(host: str) -> str:
    """Where a server that binds this can be reached from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # nothing is bound here


def await_first_worker(host: str, port: int) -> None:
    """Find out in a thread when the first worker listens; until then this process calls the server `starting`.

    A connection is enough, and counted as no request: before its workers the server has an address, and listens not.
    """
    threading.Thread(target=_await_first_worker, args=(own(host), port), name="first-worker", daemon=True).start()


def _await_first_worker(host: str, port: int) -> None:
    while not answers(host, port):
        time.sleep(0.05)
    listening.set()


def _tried(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def _why(problem: OSError, host: str, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"{host}:{port} is taken{_by(port)}: choose another with --port, or stop what listens there."
    if problem.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{host}:{port} may not be bound by this user: choose a port above 1023 with --port, behind a proxy, or "
            "give the process the capability CAP_NET_BIND_SERVICE."
        )
    if problem.errno == errno.EADDRNOTAVAIL or isinstance(problem, socket.gaierror):
        return f"{host} is no address of this machine: choose one with --host; 0.0.0.0 and :: stand for all of them."
    return f"{host}:{port} cannot be bound ({problem.strerror}): choose another with --host and --port."


def _by(port: int) -> str:
    """Who listens on a port, as far as this user may know; empty if that is not told."""
    with contextlib.suppress(OSError):
        names = {f"socket:[{inode}]" for inode in _inodes(port)}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if any(str(each.readlink()) in names for each in (process / "fd").iterdir()):
                    return f" by {(process / 'comm').read_text().strip()} (process {process.name})"
    return ""


def _inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if words[_STATE] == _LISTENING and int(words[_LOCAL].rpartition(":")[2], 16) == port:
                yield words[_INODE]
