"""Granian under our rules: fresh worker processes, drain before the stop, our log lines (security.md E17)."""

from __future__ import annotations

import functools
import gc
import multiprocessing
import multiprocessing.util
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from authserver.cli.output import NotReady
from authserver.config import Settings
from authserver.edge import draining
from authserver.observability import logs

if TYPE_CHECKING:
    from authserver.domain.running.standing import Board

# Load balancers ask every few seconds: for so long a stopping server still answers, and says that it is stopping.
DRAIN_SECONDS = 5
IN_FLIGHT_SECONDS = 30
CTRL_C_SECONDS = 3.0  # somebody sits there and waits
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


class Flag(Protocol):
    """A byte that all processes share. No Event: a waiter that was killed would block its `set` for ever."""

    value: int


class Server(MPServer):
    """Granian whose SIGTERM drains first; a second signal stops fast."""

    def __init__(self, stopping: Flag, **options: Any) -> None:
        super().__init__("authserver:create_app", **options)
        self._stopping = stopping
        self._signals = 0
        self._patience = float(IN_FLIGHT_SECONDS)

    def signal_handler_interrupt(self, *args: Any, **named: Any) -> None:
        """First SIGTERM: say so for a while, then stop. Ctrl-C, or a second signal: stop now."""
        self._signals += 1
        self._stopping.value = 1
        if self._signals > 1:
            self.workers_kill_timeout = 1
        if self._signals > 1 or args[:1] == (signal.SIGINT,):
            self._patience = CTRL_C_SECONDS
            for worker in self.wrks:
                worker.interrupt_by_parent = True  # a terminal sends Ctrl-C to them, too: their end is no surprise
            self._interrupt()
            return
        logs.event("draining", seconds=DRAIN_SECONDS)
        timer = threading.Timer(DRAIN_SECONDS, self._interrupt)
        timer.daemon = True
        timer.start()

    def _interrupt(self) -> None:
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]  # granian has no types here

    def _stop_workers(self) -> None:
        """As granian does, but a second signal need not wait for what the first is waiting for."""
        if self._patience == CTRL_C_SECONDS:
            # The terminal told the workers, too; a second signal on the heels of the first can block them for ever.
            self._wait(0.5)
        for worker in self.wrks:
            if worker.is_alive():  # type: ignore[no-untyped-call]  # granian has no types here
                worker.terminate()  # type: ignore[no-untyped-call]  # granian has no types here
        self._wait(self._patience)
        super()._stop_workers()  # type: ignore[no-untyped-call]  # granian has no types here

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._busy() and self._signals < 2 and time.monotonic() < deadline:
            time.sleep(0.02)

    def _busy(self) -> bool:
        return any(worker.is_alive() for worker in self.wrks)  # type: ignore[no-untyped-call]  # granian has no types here


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
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=1,  # what is still busy after IN_FLIGHT_SECONDS, see Server
    )
    logs.event("starting", issuer=settings.issuer, bind=f"{settings.host}:{settings.port}", workers=settings.workers)
    server.serve(target_loader=functools.partial(load, settings, stopping, board, alongside), wrap_loader=False)
    logs.event("stopped")


def require_free(host: str, port: int) -> None:
    """Raise NotReady if something listens there: with SO_REUSEPORT the kernel would let both share the port."""
    if not is_free(host, port):
        raise NotReady(f"{host}:{port} is taken: choose another with --port, or stop what listens there.")


def is_free(host: str, port: int) -> bool:
    """Whether nothing listens on this address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


listening = threading.Event()  # a worker accepts connections


def await_first_worker(host: str, port: int) -> None:
    """Find out in a thread when the first worker listens; until then this process calls the server `starting`.

    A connection is enough, and counted as no request: before its workers the server has an address, and listens not.
    """
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # where it can be reached from here
    threading.Thread(target=_await_first_worker, args=(own, port), name="first-worker", daemon=True).start()


def _await_first_worker(host: str, port: int) -> None:
    while not answers(host, port):
        time.sleep(0.05)
    listening.set()


def answers(host: str, port: int) -> bool:
    """Whether something accepts connections on this address."""
    try:
        socket.create_connection((host, port), timeout=0.2).close()
    except OSError:
        return False
    return True


def load(settings: Settings, stopping: Flag, board: Board, alongside: Callable[[Settings], None] | None) -> Any:
    """In a worker: the app, and what must happen when the worker ends."""
    from authserver import create_app, database
    from authserver.domain.ground import cache
    from authserver.domain.running import standing
    from authserver.edge import lane, pools, turned_away
    from authserver.edge.front import Front, nobodys
    from authserver.edge.pace import Machines, hashing_turns
    from authserver.edge.shares import Shares, whose
    from authserver.lib import password_hash
    from authserver.observability import metrics

    logs.write_behind(dropped=metrics.LOG_LINES_DROPPED.inc)
    draining.follow(lambda: bool(stopping.value))
    app = create_app(settings, connections=pools.connections)
    database.guard()
    cache.poll_in_background()
    standing.share(board)
    standing.watch()
    # Not atexit: the children of multiprocessing do not run it.
    multiprocessing.util.Finalize(None, _finish, exitpriority=10)
    multiprocessing.util.Finalize(None, logs.flush, exitpriority=0)
    threading.Thread(target=_figures, name="figures", daemon=True).start()
    threading.Thread(target=_end_with, args=(os.getppid(),), name="parent", daemon=True).start()
    if alongside is not None:
        alongside(settings)
    shares = Shares(settings.connections_per_address, trusted=settings.trusted_proxies)
    ways, machines = lane.of(app), Machines()
    password_hash.take(hashing_turns(machines, (os.cpu_count() or 1) / settings.workers))
    front = Front(
        app,
        threads=settings.threads,
        shares=shares,
        place=ways.place,
        full=turned_away.TurnedAway(app, ways),
        whose=whose if settings.connections_per_address else nobodys,
        machines=machines,
    )
    # What was made until here lives as long as the process. Looking for cycles in it takes a tenth of a second,
    # in which a worker answers nobody.
    gc.freeze()
    return front


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
    os.kill(os.getpid(), signal.SIGTERM)


def _figures() -> None:
    from authserver.domain.insight import figures

    while True:
        try:
            figures.refresh()
        except Exception as error:  # a lost database must not end the thread
            logs.failure("figures_failed", error, level="warning")
        time.sleep(FIGURES_SECONDS)
