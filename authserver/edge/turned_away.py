"""What a request is told whose room is full: 503, when to come back and its id, in the format of its door."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

from flask import Flask, g, make_response, render_template

from authserver.edge import headers, machine, request_log
from authserver.edge.exchange import Incoming, Outgoing
from authserver.edge.lane import Lane
from authserver.edge.machine import Endpoint
from authserver.errors import Unavailable
from authserver.lib import secrets
from authserver.lib.rooms import Elsewhere
from authserver.observability import context

SECONDS = 2
_TEXT = "Too many requests of this kind are waiting. Try again in a moment."
# What stands in the page that was made beforehand for what each answer has of its own.
_NONCE, _REQUEST = "a-nonce-of-its-own", "a-request-of-its-own"


@dataclass(frozen=True, slots=True)
class Page:
    """The page for people, made while nobody waited."""

    headers: tuple[tuple[str, str], ...]
    body: str

    @classmethod
    def made(cls, app: Flask, prefix: str) -> Page:
        """Render it; needs no database, and no request."""
        with app.test_request_context("/", environ_overrides={"SCRIPT_NAME": prefix}):
            g.csp_nonce, g.signed_in = _NONCE, None
            with context.using(context.Context(request_id=_REQUEST)):
                response = headers.for_pages(make_response(render_template("errors/full.html")))
        return cls(tuple(response.headers.items()), response.get_data(as_text=True))

    def answer(self) -> Outgoing:
        """It, for one reader."""
        nonce, request_id = secrets.random_token(16), context.current().request_id
        body = self.body.replace(_NONCE, nonce).replace(_REQUEST, request_id).encode()
        own = [(name, value.replace(_NONCE, nonce)) for name, value in self.headers if name != "Content-Length"]
        return Outgoing(503, body, [*own, ("Retry-After", str(SECONDS)), ("X-Request-Id", request_id)])


class TurnedAway:
    """Answers in the place of an application whose rooms are full."""

    def __init__(self, app: Flask, lane: Lane) -> None:
        self._lane, self._page = lane, Page.made(app, machine.issuer_path())

    def __call__(self, incoming: Incoming) -> Outgoing:
        """The answer, logged and counted like any other. Waits for nothing."""
        started = time.perf_counter()
        asked = request_log.begin_for(incoming)
        way = self._lane.find(incoming)
        asked.log["error"] = "room full"
        with context.using(asked):
            told = self._page.answer() if way is None else _as_machine(way.endpoint, incoming)
            request_log.end(
                asked,
                route=incoming.path if way is None else way.route,
                method=incoming.method,
                status=told.status,
                started=started,
                known=way is not None,
            )
        return told


def _as_machine(endpoint: Endpoint, incoming: Incoming) -> Outgoing:
    refusing = dataclasses.replace(endpoint, handler=_refuse)
    try:
        return machine.answer(refusing, incoming)
    except Elsewhere:  # the origins of apps are not at hand, and nothing is waited for here
        return machine.answer(dataclasses.replace(refusing, cors=None, methods=None), incoming)


def _refuse(_incoming: Incoming) -> Outgoing:
    raise Unavailable(_TEXT, "the room is full", retry_after=SECONDS)
