"""The fast lane: protocol endpoints answered in front of Flask, by the same handlers that Flask would call."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, request

from authserver.edge import exchange, machine, pools, request_log
from authserver.edge.arrivals import Arrivals
from authserver.edge.exchange import Outgoing
from authserver.edge.machine import Endpoint
from authserver.observability import context

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
CONTEXT_KEY = "authserver.context"
_QUICK = (pools.INSTANT, pools.WARM)
# A token request of this grant needs no statement when warm; what hides it by escapes finds the other room.
_FOR_ITSELF = b"grant_type=client_credentials"


class Lane:
    """WSGI: endpoints of the table are answered here, everything else by the application behind."""

    def __init__(
        self,
        behind: WSGIApplication,
        endpoints: Mapping[str, Endpoint],
        *,
        prefix: str = "",
        open: bool = True,
    ):
        self._behind, self._prefix = behind, prefix
        self._arrivals = Arrivals()
        self._all, self._open = endpoints, open
        # A path that ends in a slash stands for everything below it.
        self._below = {path: endpoint for path, endpoint in endpoints.items() if path.endswith("/")}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        earliest = self._arrivals.enter()
        environ[exchange.RECEIVED_KEY] = min(earliest, environ.get(exchange.ARRIVED_KEY, earliest))
        try:
            return self._answer(environ, start_response)
        finally:
            self._arrivals.leave()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        self._strip_prefix(environ)
        asked = request_log.begin(environ)
        environ[CONTEXT_KEY] = asked
        route, endpoint = self._find(environ.get("PATH_INFO", ""))
        if endpoint is None or not self._open:
            return self._pass_on(environ, start_response, asked, started)
        with context.using(asked):
            outgoing = machine.answer(endpoint, exchange.read(environ))
            asked.log.update(outgoing.log)
            request_log.end(
                asked,
                route=route,
                method=environ["REQUEST_METHOD"],
                status=outgoing.status,
                started=started,
            )
        return exchange.write(outgoing, start_response, method=environ["REQUEST_METHOD"])

    def place(self, environ: WSGIEnvironment, body: bytes) -> str:
        """The name of the room for this request, by its path and what kind of answer that needs."""
        path = self._without_prefix(environ.get("PATH_INFO", ""))
        endpoint = self._find(path)[1]
        if endpoint is None:
            return pools.PAGES.name
        if self._open and (endpoint.room is pools.INSTANT or machine.is_preflight(endpoint, environ)):
            return pools.INSTANT.name
        warm = endpoint.room is pools.WARM and _FOR_ITSELF in body
        return endpoint.room.name if warm or endpoint.room not in _QUICK else pools.PROTOCOL.name

    def find(self, environ: WSGIEnvironment) -> tuple[str, Endpoint | None]:
        """The route of a request and what answers it here, if that is not the application behind."""
        return self._find(self._without_prefix(environ.get("PATH_INFO", "")))

    def _find(self, path: str) -> tuple[str, Endpoint | None]:
        endpoint = self._all.get(path)
        if endpoint is not None:
            return path, endpoint
        for start, endpoint in self._below.items():
            if path.startswith(start):
                return start, endpoint
        return path, None

    def _pass_on(
        self, environ: WSGIEnvironment, start_response: StartResponse, asked: context.Context, started: float
    ) -> Iterable[bytes]:
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

    def _strip_prefix(self, environ: WSGIEnvironment) -> None:
        # An issuer with a path is served below it, and at the root for a proxy that strips it: links have it always.
        if not self._prefix:
            return
        environ["SCRIPT_NAME"] = self._prefix
        environ["PATH_INFO"] = self._without_prefix(environ.get("PATH_INFO", ""))

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
