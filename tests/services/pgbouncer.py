"""A PgBouncer of its own for a test, which hands connections on after each transaction."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from tests.services import missing

SECONDS = 20


def _executable() -> str:
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        missing.skip_or_fail("PgBouncer is not installed", "sudo apt-get install -y pgbouncer")
    return str(found)


@contextlib.contextmanager
def in_front_of(url: str, folder: Path, *, connections: int = 2, ignoring: str = "") -> Iterator[str]:
    """The URL that leads through a pooler to this database; `ignoring` startup parameters instead of refusing them."""
    server = make_url(url)
    host, port = str(server.query.get("host") or server.host), _free_port()
    place = f"host={host} port={server.query.get('port') or server.port or 5432} user={server.username}"
    file = folder / "pgbouncer.ini"
    file.write_text(
        f"""
[databases]
* = {place}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
{f"ignore_startup_parameters = {ignoring}" if ignoring else ""}
"""
    )
    folder.chmod(0o755)
    file.chmod(0o644)
    # It refuses to run as root, and the folder of a socket is open to the account of the server alone.
    somebody = Path(host).owner() if host.startswith("/") else "nobody"
    as_somebody = ["-u", somebody] if os.geteuid() == 0 else []
    with (folder / "pgbouncer.log").open("ab") as log:
        process = subprocess.Popen([_executable(), *as_somebody, str(file)], stdout=log, stderr=log)
    try:
        _wait(port, folder / "pgbouncer.log")
        yield f"postgresql+psycopg://{server.username}@127.0.0.1:{port}/{server.database}"
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait(port: int, log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("PgBouncer did not start:\n" + log.read_text())
