"""Whether this process is about to stop: readiness says so first, and connections are not kept for another request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_started = False


def begin() -> None:
    """From now on this process is not ready, and every answer closes its connection."""
    global _started
    _started = True


def started() -> bool:
    """Whether the end has begun."""
    return _started


def follow(wait: Callable[[], Any]) -> None:
    """Begin as soon as `wait` returns; a thread waits for it."""

    def watch() -> None:
        wait()
        begin()

    threading.Thread(target=watch, name="draining", daemon=True).start()


class Closing:
    """WSGI: while draining, tells clients to open their next connection elsewhere."""

    def __init__(self, behind: WSGIApplication):
        self._behind = behind

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not _started:
            return self._behind(environ, start_response)

        def closing(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("Connection", "close")], *rest)

        return self._behind(environ, closing)
