"""Granian under our rules: fresh worker processes, our log lines, and what each worker is made of (security.md E17)."""

from __future__ import annotations

import contextlib
import functools
import gc
import multiprocessing
import multiprocessing.util
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from authserver.cli import processes
from authserver.cli.processes import Flag, Server
from authserver.config import Settings
from authserver.edge import draining
from authserver.observability import logs

if TYPE_CHECKING:
    from authserver.domain.running.standing import Board

FIGURES_SECONDS = 15
# Connections that a worker holds at once, idle ones included; more wait in the kernel's queue.
CONNECTIONS = 1024
_OURS = "authserver.observability.logs.Handler"
_LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {},
    "handlers": {"console": {"class": _OURS}, "access": {"class": _OURS}},
    "loggers": {
        "_granian": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "granian.access": {"handlers": ["access"], "level": "WARNING", "propagate": False},
    },
}


def run(settings: Settings, *, spawn: bool = True, alongside: Callable[[Settings], None] | None = None) -> None:
    """Serve until a signal ends it. `alongside` runs once in each worker, after the app is made.

    `spawn` starts workers as fresh interpreters, which inherit no thread, lock or connection of this one.
    """
    from authserver.domain.running import standing

    logs.write_behind()
    context = multiprocessing.get_context("spawn" if spawn or sys.platform != "linux" else "fork")
    multiprocessing.set_start_method(context.get_start_method(), force=True)
    stopping: Flag = context.RawValue("b", 0)
    board: Board = context.RawArray("c", standing.BOARD_BYTES)
    standing.share(board)
    draining.follow(lambda: bool(stopping.value))  # for the metrics bind, which this process answers
    server = Server(
        stopping,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.RSGI,
        # HTTP/2 without TLS: its headers, streams and silences have no limit here that would hold; proxies speak 1.1.
        http=HTTPModes.http1,
        workers=settings.workers,
        websockets=False,
        backlog=2048,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=128 * 1024),
        log_level=LogLevels.warning,
        log_dictconfig=_LOGGING,
        workers_kill_timeout=1,  # what is still busy after IN_FLIGHT_SECONDS, see Server
    )
    logs.event("starting", issuer=settings.issuer, bind=f"{settings.host}:{settings.port}", workers=settings.workers)
    server.serve(target_loader=functools.partial(load, settings, stopping, board, alongside), wrap_loader=False)
    logs.event("stopped")


@contextlib.contextmanager
def to_stay() -> Iterator[None]:
    """For what lives as long as the process: nothing looks for cycles in it, neither now nor later.

    It is a tenth of a worker's start, and took a tenth of a second afterwards in which the worker answered nobody.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@to_stay()
def load(settings: Settings, stopping: Flag, board: Board, alongside: Callable[[Settings], None] | None) -> Any:
    """In a worker: the app, and what must happen when the worker ends."""
    from authserver import create_app, database
    from authserver.domain.ground import cache, timekeeping
    from authserver.domain.running import standing, telemetry
    from authserver.edge import lane, pools, turned_away
    from authserver.edge.front import Front, nobodys
    from authserver.edge.pace import Machines, hashing_turns
    from authserver.edge.shares import Shares, whose
    from authserver.lib import clock, password_hash
    from authserver.observability import metrics

    logs.write_behind(dropped=metrics.LOG_LINES_DROPPED.inc)
    draining.follow(lambda: bool(stopping.value))
    clock.hold()
    app = create_app(settings, connections=pools.connections)
    timekeeping.learn()
    database.guard()
    cache.poll_in_background()
    standing.share(board)
    standing.watch()
    # Not atexit: the children of multiprocessing do not run it.
    multiprocessing.util.Finalize(None, _finish, exitpriority=10)
    multiprocessing.util.Finalize(None, telemetry.begin(), exitpriority=5)
    multiprocessing.util.Finalize(None, logs.flush, exitpriority=0)
    threading.Thread(target=_figures, name="figures", daemon=True).start()
    threading.Thread(target=_end_with, args=(os.getppid(),), name="parent", daemon=True).start()
    if alongside is not None:
        alongside(settings)
    shares = Shares(settings.connections_per_address, trusted=settings.trusted_proxies)
    ways, machines = lane.of(app), Machines()
    password_hash.take(hashing_turns(machines, (os.cpu_count() or 1) / settings.workers))
    return Front(
        app,
        threads=settings.threads,
        shares=shares,
        place=ways.place,
        full=turned_away.TurnedAway(app, ways),
        whose=whose if settings.connections_per_address else nobodys,
        machines=machines,
        begin=processes.heed,
    )


def _finish() -> None:
    """Write what was counted, and give the connections back."""
    from authserver import database
    from authserver.domain.ground import usage

    try:
        usage.flush()
    finally:
        database.engine().dispose()


def _end_with(parent: int) -> None:
    """A worker whose parent was killed would hold the port for ever."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)


def _figures() -> None:
    from authserver.domain.insight import figures

    while True:
        try:
            figures.refresh()
        except Exception as error:  # a lost database must not end the thread
            logs.failure("figures_failed", error, level="warning")
        time.sleep(FIGURES_SECONDS)
