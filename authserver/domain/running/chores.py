"""What has to be done now and then, whoever asks: expired rows, old keys. Several processes may share it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from authserver.domain.ground import timekeeping
from authserver.domain.running import expiry_reminders, retention
from authserver.domain.signing import keys as signing_keys
from authserver.observability import logs, metrics

TICK_SECONDS = 2.0
# (every so many seconds, what)
CHORES: tuple[tuple[int, Callable[[], object]], ...] = (
    (6, timekeeping.go_on),
    (600, retention.purge),
    (3600, signing_keys.rotate_if_due),
    (3600, expiry_reminders.send),
)


def run(until: threading.Event) -> None:
    """Do each chore when it is due, until told to stop. A chore that fails is logged and tried again in its turn."""
    due = [0.0] * len(CHORES)
    while True:
        for number, (seconds, chore) in enumerate(CHORES):
            if time.monotonic() >= due[number] and not until.is_set():
                due[number] = time.monotonic() + seconds
                _do(chore)
        if until.wait(TICK_SECONDS):
            return


def _do(chore: Callable[[], object]) -> None:
    name = f"{chore.__module__.rpartition('.')[2]}.{chore.__name__}"
    try:
        chore()
    except Exception as error:
        metrics.CHORE_FAILED.labels(name).set(1)
        logs.failure("chore_failed", error, chore=name)
    else:
        metrics.CHORE_FAILED.labels(name).set(0)


def in_background() -> None:
    """Do them from a thread of this process, for the demo."""
    threading.Thread(target=run, args=(threading.Event(),), name="chores", daemon=True).start()
