"""nginx before nodes, with the very file of deploy/scaled: only addresses and folders are replaced."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.services import gateways

FILE = Path(__file__).parent.parent.parent / "deploy" / "scaled" / "nginx.conf"
SECONDS = 20


@contextlib.contextmanager
def before(nodes: Sequence[int], port: int, folder: Path) -> Iterator[None]:
    """A balancer at this port of the nodes at those, for one block; they need not be there yet."""
    folder.mkdir()
    text = FILE.read_text("utf-8").replace("/tmp/", f"{folder}/").replace("listen 8000;", f"listen 127.0.0.1:{port};")
    for number, node in enumerate(nodes, 1):
        text = text.replace(f"server node-{number}:8000", f"server 127.0.0.1:{node}")
    file = folder / "nginx.conf"
    file.write_text("daemon off;\n" + text.replace("worker_processes auto", "worker_processes 1"))
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [gateways.program("nginx"), "-p", folder, "-e", "stderr", "-c", file],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + SECONDS
        while not _listens(port):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(SECONDS)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
