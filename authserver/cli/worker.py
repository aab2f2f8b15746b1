"""`authserver worker`: mails, retention and key rotation, beside `serve`."""

from __future__ import annotations

import signal
import threading

import click

from authserver.domain import chores
from authserver.observability import logs


@click.command()
def command() -> None:
    """Deliver mails, delete what has expired and rotate keys, until stopped. Any number may run."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    logs.event("worker_started")
    chores.run(stop)
    logs.event("worker_stopped")
