"""`authserver worker`: mails, webhooks, retention and key rotation, beside `serve`."""

from __future__ import annotations

import os
import signal
import threading

import click

from authserver import config
from authserver.cli import notices, opening, scheduled_backups, signals
from authserver.observability import logs, metrics

FIGURES_SECONDS = 15


@click.command()
def command() -> None:
    """Deliver mails, webhooks and sign-outs, delete what has expired, rotate keys, until stopped. Any number may run.

    Its figures answer one port above AUTHSERVER_METRICS_BIND, where nothing else does.
    """
    from authserver.domain.ground import mails, timekeeping
    from authserver.domain.running import chores, telemetry
    from authserver.domain.signing import keys as signing_keys
    from authserver.domain.tokens import backchannel_logout
    from authserver.domain.webhooks import courier

    signing_keys.ensure()  # a key that does not open what is stored ends it now, not at every chore
    stop = _asked_to_stop()
    ending = (telemetry.begin(), telemetry.send_figures())
    logs.event("worker_started")
    notices.say("READY=1", "STATUS=Delivering")
    if serve_metrics(config.current().metrics_bind):
        threading.Thread(target=refresh_figures, args=(stop,), name="figures", daemon=True).start()
    opening.warn_of_settings()
    # In threads of their own: no chore delays an event or a mail, and none of these a chore.
    sending = [
        threading.Thread(target=mails.run, args=(stop,), name="mails"),
        threading.Thread(target=courier.run, args=(stop,), name="webhooks"),
        threading.Thread(target=backchannel_logout.run, args=(stop,), name="logout"),
        threading.Thread(target=scheduled_backups.run, args=(stop,), name="backups"),
    ]
    for each in sending:
        each.start()
    chores.run(stop)
    for each in sending:
        each.join()
    timekeeping.let_go()
    for end in ending:
        end()
    logs.event("worker_stopped")


def _asked_to_stop() -> threading.Event:
    """Set by the first signal, after which what is in hand is finished or given back; the second ends it at once: what
    was in hand is done again when its lease is over.
    """
    stop = threading.Event()

    def told(*_: object) -> None:
        if stop.is_set():
            logs.event("worker_cut_off", level="warning")
            logs.flush()
            os._exit(1)
        stop.set()
        notices.say("STOPPING=1")

    signals.ignore_hangup()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    return stop


def serve_metrics(bind: str) -> bool:
    """Answer /metrics and /readyz beside the server's; whether it does. A port that is taken is one line in the log."""
    from authserver.domain.running import standing
    from authserver.edge import readiness

    address = metrics.next_to(bind)
    try:
        if metrics.serve(address, readyz=readiness.explained) is None:
            return False
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        logs.event("metrics_not_served", level="warning", bind=address, reason=reason)
        return False
    standing.watch()
    return True


def refresh_figures(until: threading.Event) -> None:
    """Keep the gauges true, as the server does with its own."""
    from authserver.domain.insight import figures

    while True:
        try:
            figures.refresh()
        except Exception as error:  # a lost database must not end the thread
            logs.failure("figures_failed", error, level="warning")
        if until.wait(FIGURES_SECONDS):
            return
