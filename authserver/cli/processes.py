"""The processes of a server: drained before the stop, replaced when they die (security.md E17)."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any, Protocol

from granian.server.mp import MPServer, WorkerProcess

from authserver.cli import notices, signals
from authserver.observability import logs

# Load balancers ask every few seconds: for so long a stopping server still answers, and says that it is stopping.
DRAIN_SECONDS = 5
IN_FLIGHT_SECONDS = 30
CTRL_C_SECONDS = 3.0  # somebody sits there and waits
# A process that lived for so long has served; without one that did the server gives up after so long.
SERVED_SECONDS = 5.0
GIVE_UP_SECONDS = 60.0
BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.1, 10.0
# A signal to a whole group of processes reaches the first of them, too: so long a worker waits for its word.
GROUP_SECONDS = 1.0


class Flag(Protocol):
    """A byte that all processes share. No Event: a waiter that was killed would block its `set` for ever."""

    value: int


class Server(MPServer):
    """Granian whose SIGTERM drains first, whose second signal stops fast, and whose workers are replaced for ever."""

    def __init__(self, stopping: Flag, **options: Any) -> None:
        super().__init__("authserver:create_app", **options)
        self._stopping = stopping
        self._signals = 0
        self._patience = float(IN_FLIGHT_SECONDS)
        self._replacements = Replacements()
        self.on_startup(signals.ignore_hangup)

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
        notices.say("STOPPING=1")
        logs.event("draining", seconds=DRAIN_SECONDS)
        timer = threading.Timer(DRAIN_SECONDS, self._interrupt)
        timer.daemon = True
        timer.start()

    def signal_handler_reload(self, *args: Any, **named: Any) -> None:
        """The terminal of whoever started it was closed, see `signals`."""
        self.signal_handler_interrupt(signal.SIGINT)

    def _interrupt(self) -> None:
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]  # granian has no types here

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        """Replace what dies until told to stop, or until nothing has served for a minute."""
        while not self.interrupt_signal:
            self.main_loop_interrupt.wait(self._replacements.wait())
            self.main_loop_interrupt.clear()
            self._note_deaths()
            if self._stopping.value:
                if not self._busy():
                    break  # each ended by itself while the server was draining
            elif self._replacements.hopeless():
                logs.event("gave_up", level="error", seconds=GIVE_UP_SECONDS)
                self.interrupt_children.append(0)  # granian's way to an exit code of 1
                break
            else:
                self._respawn_workers(self._replacements.due(), spawn_target, target_loader)

    def _note_deaths(self) -> None:
        if any(_age(worker) >= SERVED_SECONDS for worker in self._alive()):
            self._replacements.served()
        while self.interrupt_children:
            index = self.interrupt_children.pop()
            worker = self.wrks[index]
            wait = self._replacements.note(index, _age(worker))
            if not self._stopping.value:
                code = worker.inner.exitcode or 0
                logs.event("worker_died", level="error", worker=index + 1, exit=code, again_in=wait)

    def _stop_workers(self) -> None:
        """As granian does, but a second signal need not wait for what the first is waiting for."""
        if self._patience == CTRL_C_SECONDS:
            # The terminal told the workers, too; a second signal on the heels of the first can block them for ever.
            self._wait(0.5)
        for worker in self._alive():
            worker.interrupt_by_parent = True
            os.kill(worker.inner.pid, signal.SIGINT)
        self._wait(self._patience)
        super()._stop_workers()  # type: ignore[no-untyped-call]  # granian has no types here

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._busy() and self._signals < 2 and time.monotonic() < deadline:
            time.sleep(0.02)

    def _busy(self) -> bool:
        return bool(self._alive())

    def _alive(self) -> list[WorkerProcess]:
        return [each for each in self.wrks if each.is_alive()]  # type: ignore[no-untyped-call]  # granian has no types


class Replacements:
    """When dead workers are replaced: at once, then later and later for one that dies young again and again."""

    def __init__(self) -> None:
        self._due: dict[int, float] = {}
        self._young: dict[int, int] = {}
        self._served_at = time.monotonic()

    def note(self, index: int, age: float) -> float:
        """A worker died that had lived for `age` seconds; how many seconds its successor waits."""
        if age >= SERVED_SECONDS:
            self.served()
        self._young[index] = 0 if age >= GIVE_UP_SECONDS else self._young.get(index, -1) + 1
        wait = min(BACKOFF_SECONDS * (1 << min(self._young[index], 10)), MAX_BACKOFF_SECONDS)
        self._due[index] = time.monotonic() + wait
        return wait

    def served(self) -> None:
        """Some worker did its work until now."""
        self._served_at = time.monotonic()

    def hopeless(self) -> bool:
        """Whether workers are dead, and none has served for too long."""
        return bool(self._due) and time.monotonic() - self._served_at > GIVE_UP_SECONDS

    def wait(self) -> float | None:
        """How many seconds until the next replacement; None if nobody waits for one."""
        return max(0.0, min(self._due.values()) - time.monotonic()) if self._due else None

    def due(self) -> list[int]:
        """Whose time has come; they wait no longer."""
        now = time.monotonic()
        found = sorted(index for index, at in self._due.items() if at <= now)
        for index in found:
            del self._due[index]
        return found


def _age(worker: WorkerProcess) -> float:
    return time.monotonic() - float(worker.birth)


def heed(loop: Any) -> None:
    """In a worker, once its loop is there: the server says when to end, by SIGINT.

    SIGTERM to the whole group (shells, containers and systemd send it) is for the server, which drains; to a worker
    alone it means this worker. Without the first second of both a worker would end under those who still come.
    """
    loop.add_signal_handler(signal.SIGTERM, _wait_for_word)


def _wait_for_word() -> None:
    timer = threading.Timer(GROUP_SECONDS, _end_unless_draining)
    timer.daemon = True
    timer.start()


def _end_unless_draining() -> None:
    from authserver.edge import draining

    if not draining.started():
        os.kill(os.getpid(), signal.SIGINT)
