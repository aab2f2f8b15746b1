"""What a service manager is told: systemd's protocol of sd_notify(3), to the socket that NOTIFY_SOCKET names."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable

HEALTH_SECONDS = 5.0


def say(*lines: str) -> None:
    """Tell it, such as READY=1; nothing where nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    target = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto("\n".join(lines).encode(), target)


def when(ready: threading.Event, alive: Callable[[], bool]) -> None:
    """Say READY=1 once it is so, then WATCHDOG=1 twice in each of its intervals, as long as `alive`."""
    if os.environ.get("NOTIFY_SOCKET"):
        threading.Thread(target=_keep_saying, args=(ready, alive), name="notices", daemon=True).start()


def _keep_saying(ready: threading.Event, alive: Callable[[], bool]) -> None:
    ready.wait()
    say("READY=1", "STATUS=Serving")
    seconds = int(os.environ.get("WATCHDOG_USEC", "0")) / 2_000_000
    while seconds:
        time.sleep(seconds)
        if alive():
            say("WATCHDOG=1")


def is_healthy(host: str, port: int) -> bool:
    """Whether a worker answers /healthz in time, which it does whatever its database does."""
    connection = http.client.HTTPConnection(host, port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
