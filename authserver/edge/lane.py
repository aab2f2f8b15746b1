"""The fast lane: protocol endpoints answered in front of Flask, by the same handlers that Flask would call."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, request

from authserver.edge import client_address, exchange, machine, pools, request_log
from authserver.edge.arrivals import Arrivals
from authserver.edge.exchange import Incoming, Outgoing
from authserver.edge.machine import Endpoint
from authserver.lib.rooms import Room
from authserver.observability import context

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
CONTEXT_KEY = "authserver.context"
Answer = Callable[[Incoming], Outgoing]


@dataclass(frozen=True, slots=True)
class Way:
    """What answers a path: its name in logs and figures, the endpoint, and the whole way through it."""

    route: str
    endpoint: Endpoint
    answer: Answer


class Lane:
    """Endpoints of the table are answered here, everything else by the application behind.

    It is a WSGI application; who has an `Incoming` already asks `place` and needs no WSGI for an endpoint.
    """

    def __init__(
        self,
        behind: WSGIApplication,
        endpoints: Mapping[str, Endpoint],
        *,
        prefix: str = "",
        open: bool = True,
    ):
        self._behind, self._prefix, self._open = behind, prefix, open
        self._arrivals = Arrivals()
        self._all = {path: self._way(path, endpoint) for path, endpoint in endpoints.items()}
        # A path that ends in a slash stands for everything below it.
        self._below = {path: way for path, way in self._all.items() if path.endswith("/")}

    def _way(self, route: str, endpoint: Endpoint) -> Way:
        return Way(route, endpoint, functools.partial(self._answer, route, endpoint))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # An issuer with a path is served below it, and at the root for a proxy that strips it: links have it always.
        if self._prefix:
            environ["SCRIPT_NAME"] = self._prefix
            environ["PATH_INFO"] = self._without_prefix(environ.get("PATH_INFO", ""))
        way = self._find(environ.get("PATH_INFO", "")) if self._open else None
        if way is None:
            return self._pass_on(environ, start_response)
        outgoing = way.answer(exchange.read(environ))
        return exchange.write(outgoing, start_response, method=environ["REQUEST_METHOD"])

    def _answer(self, route: str, endpoint: Endpoint, incoming: Incoming) -> Outgoing:
        started, earliest = time.perf_counter(), self._arrivals.enter()
        try:
            incoming.received_us = min(earliest, incoming.received_us)
            asked = request_log.begin_for(incoming)
            with context.using(asked):
                outgoing = machine.answer(endpoint, incoming)
                asked.log.update(outgoing.log)
                request_log.end(asked, route=route, method=incoming.method, status=outgoing.status, started=started)
        finally:
            self._arrivals.leave()
        return outgoing

    def place(self, incoming: Incoming) -> tuple[Room, Answer | None]:
        """The room for this request, by its path and what kind of answer that needs; and what answers it without WSGI.

        A request that has such an answer has its path below the issuer's from now on.
        """
        way = self.find(incoming)
        if way is None:
            return pools.PAGES, None
        if not self._open:
            return pools.PROTOCOL if way.endpoint.room is pools.INSTANT else way.endpoint.room, None
        incoming.path = self._without_prefix(incoming.path)
        return way.endpoint.room_of(incoming), way.answer

    def find(self, incoming: Incoming) -> Way | None:
        """What answers a request here, if that is not the application behind."""
        return self._find(self._without_prefix(incoming.path))

    def _find(self, path: str) -> Way | None:
        way = self._all.get(path)
        if way is not None:
            return way
        return next((way for start, way in self._below.items() if path.startswith(start)), None)

    def _pass_on(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        earliest = self._arrivals.enter()
        environ[exchange.RECEIVED_KEY] = min(earliest, environ.get(exchange.ARRIVED_KEY, earliest))
        try:
            return self._passed_on(environ, start_response)
        finally:
            self._arrivals.leave()

    def _passed_on(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        asked = environ[CONTEXT_KEY] = request_log.begin(
            client_address.of(environ.get("REMOTE_ADDR") or "", environ.get("HTTP_X_FORWARDED_FOR")),
            environ.get("HTTP_USER_AGENT", ""),
            environ.get("HTTP_X_REQUEST_ID", ""),
            environ.get("HTTP_TRACEPARENT", ""),
        )
        sent: list[int] = []

        def remember(status: str, *rest: Any) -> Any:
            sent.append(int(status[:3]))
            return start_response(status, *rest)

        with context.using(asked):
            body = self._behind(environ, remember)
            rule = environ.get("authserver.route")
            request_log.end(
                asked,
                route=rule or environ.get("PATH_INFO", ""),
                method=environ["REQUEST_METHOD"],
                status=sent[-1] if sent else 500,
                started=started,
                known=rule is not None,
            )
        return body

    def _without_prefix(self, path: str) -> str:
        if self._prefix and (path == self._prefix or path.startswith(self._prefix + "/")):
            return path[len(self._prefix) :] or "/"
        return path


def of(app: Flask) -> Lane:
    """The lane in front of this application."""
    found: Lane = app.extensions["authserver.lane"]
    return found


def install(app: Flask, endpoints: Mapping[str, Endpoint], *, prefix: str, open: bool) -> None:
    """Put the lane in front of an application."""
    made = app.extensions["authserver.lane"] = Lane(app.wsgi_app, endpoints, prefix=prefix, open=open)
    app.wsgi_app = made  # type: ignore[method-assign]  # the documented way to put a middleware in front


def register(app: Flask, endpoints: Mapping[str, Endpoint]) -> None:
    """The same endpoints as Flask routes: the URL map is complete, and `lane=off` changes no answer."""
    for path, endpoint in endpoints.items():
        view = _view(endpoint)
        view.provide_automatic_options = False
        app.add_url_rule(path, f"machine:{path}", view, methods=METHODS)
        if path.endswith("/"):
            app.add_url_rule(f"{path}<path:_rest>", f"machine:{path}*", view, methods=METHODS)


def _view(endpoint: Endpoint) -> Any:
    def serve(_rest: str = "") -> Response:
        outgoing = machine.answer(endpoint, exchange.read(request.environ))
        context.current().log.update(outgoing.log)
        return as_flask(outgoing)

    return serve


def as_flask(outgoing: Outgoing) -> Response:
    """The same answer as Flask has them, with these headers and no others."""
    response = Response(outgoing.body, outgoing.status)
    response.headers.clear()
    for name, value in outgoing.headers:
        response.headers.add(name, value)
    return response
