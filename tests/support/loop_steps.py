"""A worker's event loop under a magnifying glass: what each of its steps worked, and how long it slept.

`python -m tests.support.loop_steps CLIENT_ID CLIENT_SECRET [careless]` assembles a worker with the settings of its
environment, says `ready`, and once it reads a line sends itself requests for some seconds. What it prints then are
milliseconds. A step sleeps while it neither works nor waits for a core, so that a busy machine is nobody's fault.
`careless` lets the loop ask the database itself.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from authserver import config, create_app, database
from authserver.domain.ground import cache
from authserver.edge import lane, pools
from authserver.edge.front import Front
from authserver.edge.turned_away import TurnedAway
from authserver.observability import logs
from tests.edge.test_front import Protocol, scope

SECONDS = 4.0
_PREFLIGHT = ("origin", "https://app.example"), ("access-control-request-method", "POST")
PAUSE = 0.005


@dataclasses.dataclass
class Steps:
    """Of each step of the loop: seconds of work, and of sleep."""

    worked: list[float] = dataclasses.field(default_factory=list)
    slept: list[float] = dataclasses.field(default_factory=list)
    on: bool = False

    def watch(self) -> None:
        """Measure every step of this thread's loop from now on."""
        waits = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        run = asyncio.Handle._run  # type: ignore[attr-defined]  # of every step, and of nothing else

        def measured(handle: Any) -> None:
            if not self.on:
                run(handle)
                return
            queued, began, worked = int(waits.read_text().split()[1]), time.monotonic(), time.thread_time()
            run(handle)
            cost, wall = time.thread_time() - worked, time.monotonic() - began
            self.worked.append(cost)
            self.slept.append(wall - cost - (int(waits.read_text().split()[1]) - queued) / 1e9)

        asyncio.Handle._run = measured  # type: ignore[attr-defined]  # see above

    def told(self) -> dict[str, float]:
        return {
            "steps": len(self.slept),
            "worked p99": _percentile(self.worked, 0.99),
            "slept p99": _percentile(self.slept, 0.99),
            "slept most": max(self.slept) * 1000,
        }


def _percentile(values: list[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)] * 1000


class Asking:
    """Requests of two kinds: what the loop answers itself, and what needs the database."""

    def __init__(self, front: Any, client: tuple[str, str]) -> None:
        self._front = front
        pair = base64.b64encode(":".join(client).encode()).decode()
        self._signed = ("authorization", f"Basic {pair}"), ("content-type", "application/x-www-form-urlencoded")
        self.statuses: dict[str, set[int]] = {name: set() for name in ("instant", "preflight", "token", "protocol")}
        self.token = ""

    async def instant(self) -> None:
        for path in ("/healthz", "/.well-known/jwks.json", "/.well-known/openid-configuration"):
            self.statuses["instant"].add((await self._ask(scope(path=path))).status)
        asked = scope(*_PREFLIGHT, method="OPTIONS", path="/oauth/token")
        self.statuses["preflight"].add((await self._ask(asked)).status)
        await self.issue()

    async def issue(self) -> None:
        told = await self._post("/oauth/token", grant_type="client_credentials")
        self.statuses["token"].add(told.status)
        self.token = json.loads(told.body)["access_token"]

    async def protocol(self) -> None:
        self.statuses["protocol"].add((await self._post("/oauth/introspect", token=self.token)).status)

    async def _post(self, path: str, **fields: str) -> Protocol:
        body = urlencode(fields).encode()
        length = ("content-length", str(len(body)))
        return await self._ask(scope(*self._signed, length, method="POST", path=path), body)

    async def _ask(self, asked: Any, *chunks: bytes) -> Protocol:
        told = Protocol(*chunks)
        await self._front.__rsgi__(asked, told)
        return told


async def _go(front: Front, client: tuple[str, str], steps: Steps) -> dict[str, Any]:
    asking = Asking(front, client)
    await asking.issue()
    await asking.instant()
    await asking.protocol()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    steps.on, until = True, time.monotonic() + SECONDS

    async def again(ask: Any) -> None:
        while time.monotonic() < until:
            await ask()
            await asyncio.sleep(PAUSE)

    await asyncio.gather(again(asking.instant), *(again(asking.protocol) for _ in range(8)))
    steps.on = False
    return {**steps.told(), **{name: sorted(found) for name, found in asking.statuses.items()}}


def main(client_id: str, client_secret: str, careless: str = "") -> None:
    # Waiting for the interpreter is not waiting for a database: no step is made to hand it to another thread halfway.
    sys.setswitchinterval(0.5)
    logs.write_behind()
    settings = config.load()
    app = create_app(settings, connections=pools.connections)
    database.guard()
    cache.poll_in_background()
    ways, steps = lane.of(app), Steps()
    place = ways.place
    if careless:
        pools.INSTANT = dataclasses.replace(pools.PROTOCOL, name="instant")
        place = lambda asked: (pools.INSTANT, ways.place(asked)[1])  # noqa: E731  # everything is answered on the loop
    front = Front(app, threads=settings.threads, place=place, full=TurnedAway(app, ways))
    steps.watch()
    print(json.dumps(asyncio.run(_go(front, (client_id, client_secret), steps))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
