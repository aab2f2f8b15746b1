"""`authserver worker`: mails, webhooks, retention and key rotation, beside `serve`."""

from __future__ import annotations

import signal
import threading

import click

from authserver.cli import opening
from authserver.domain import chores, webhook_sending
from authserver.observability import logs


@click.command()
def command() -> None:
    """Deliver mails and webhooks, delete what has expired and rotate keys, until stopped. Any number may run."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    logs.event("worker_started")
    opening.warn_of_exposed_secrets()
    # In a thread of its own: no chore delays an event, and no event a chore.
    courier = threading.Thread(target=webhook_sending.run, args=(stop,), name="webhooks")
    courier.start()
    chores.run(stop)
    courier.join()
    logs.event("worker_stopped")
