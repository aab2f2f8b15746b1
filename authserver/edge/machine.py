"""What every protocol endpoint passes: methods, headers, CORS, the last-resort error."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from authserver import commits, config
from authserver.edge import cors, exchange, explanations, headers, json_errors, pools
from authserver.edge.exchange import Handler, Incoming, Outgoing
from authserver.errors import DomainError, RateLimited, Unavailable
from authserver.lib.rooms import Room
from authserver.observability import context, logs, metrics


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler and the rules around it. `cors` finds the origin that may read an answer, if any.

    `methods` None takes every method. `api` answers errors in the format of the API (contract 6) instead of RFC 6749's.
    `body` False ignores what a proxy sends along, and the scheme it came over, which are those of the original request.
    `room` is where it is answered when each kind of work has threads of its own; `quicker` finds a better one for a
    request that needs less.
    """

    handler: Handler
    methods: frozenset[str] | None
    cacheable: bool = False
    api: bool = False
    body: bool = True
    cors: cors.Rule | None = None
    room: Room = pools.PROTOCOL
    quicker: Callable[[Incoming], Room] | None = None

    def room_of(self, incoming: Incoming) -> Room:
        """Where this request is answered: preflights on the loop, whatever they ask about."""
        if self.cors is not None and cors.is_preflight(incoming):
            return pools.INSTANT
        return self.quicker(incoming) if self.quicker else self.room


def answer(endpoint: Endpoint, incoming: Incoming) -> Outgoing:
    """Run a handler; whatever happens, the answer is well-formed JSON with the right headers."""
    outgoing = _refuse_early(endpoint, incoming) or run(endpoint, incoming)
    allowed = _cors(endpoint, incoming, outgoing)
    if allowed is None and endpoint.cors and cors.is_preflight(incoming):
        outgoing = _said(endpoint)(Unavailable("The server cannot answer right now.", "no origins at hand"))
    given = tuple(name for name, _ in outgoing.headers)
    outgoing.headers += headers.missing(given, cacheable=endpoint.cacheable and outgoing.status in (200, 304))
    outgoing.headers.append(("X-Request-Id", context.current().request_id))
    outgoing.headers += [("Vary", "Origin")] if allowed is None else allowed
    return outgoing


def _cors(endpoint: Endpoint, incoming: Incoming, outgoing: Outgoing) -> list[tuple[str, str]] | None:
    """Who may read the answer; None while the origins of apps cannot be read: nobody's page."""
    try:
        return cors.headers(endpoint.cors, incoming, outgoing, endpoint.methods)
    except (SQLAlchemyError, OSError, DomainError):  # what needs the database has said so, or will
        return None


def error(status: int, code: str, description: str, *more: tuple[str, str]) -> Outgoing:
    """An error in the format of RFC 6749 section 5.2."""
    said = {"error": code, "error_description": description, "error_uri": explanations.uri()}
    body = json.dumps(said).encode()
    return Outgoing(status, body, [("Content-Type", "application/json"), *more], log={"error": code})


def _refuse_early(endpoint: Endpoint, incoming: Incoming) -> Outgoing | None:
    if endpoint.cors and cors.is_preflight(incoming):
        return Outgoing(204)
    if not _allows(endpoint, incoming.method):
        allowed = ", ".join(sorted(endpoint.methods or ()))
        return _early(endpoint, 405, f"Only {allowed} is allowed here. Send the request so.", ("Allow", allowed))
    if not endpoint.body:
        return None
    if incoming.body_too_large:
        return _early(endpoint, 413, f"The body is too large. Send at most {exchange.MAX_BODY // 1024} kB.")
    if incoming.plain_http and (incoming.header("authorization") or incoming.body):
        logs.event("plain_http_refused", level="warning", path=incoming.path, ip=incoming.ip)
        return _early(
            endpoint,
            400,
            "Credentials are accepted over https only. Get new ones, and send them to the https address.",
        )
    return None


def _early(endpoint: Endpoint, status: int, text: str, *more: tuple[str, str]) -> Outgoing:
    if not endpoint.api:
        return error(status, "invalid_request", text, *more)
    return json_errors.respond(json_errors.invalid_request(text, status=status), more)


def _allows(endpoint: Endpoint, method: str) -> bool:
    """HEAD goes wherever GET does (RFC 9110 section 9.3.2); its body is left out when the answer is written."""
    return endpoint.methods is None or (("GET" if method == "HEAD" else method) in endpoint.methods)


def run(endpoint: Endpoint, incoming: Incoming) -> Outgoing:
    """The handler's answer, or the one that tells why there is none."""
    said = _said(endpoint)
    try:
        return commits.repeated(lambda: endpoint.handler(incoming))
    except json_errors.ApiError as refusal:
        return json_errors.respond(refusal)
    except DomainError as refusal:
        context.current().log["msg"] = refusal.detail
        return said(refusal)
    except (SQLAlchemyError, OSError) as failure:
        return said(database_failure(failure))
    except Exception as failure:  # the last resort: a fault of ours is never a traceback for the caller
        logs.failure("unhandled_error", failure)
        return said(None)


def _said(endpoint: Endpoint) -> Callable[[DomainError | None], Outgoing]:
    return _as_api if endpoint.api else _as_oauth


def _as_api(refusal: DomainError | None) -> Outgoing:
    return json_errors.respond(json_errors.translate(refusal) if refusal else json_errors.internal_error())


def _as_oauth(refusal: DomainError | None) -> Outgoing:
    if refusal is None:
        return error(
            500, "server_error", "Something went wrong on our side. Try again; the log has it under the request id."
        )
    if isinstance(refusal, RateLimited):
        return error(429, "slow_down", refusal.public, ("Retry-After", str(refusal.retry_after)))
    if isinstance(refusal, Unavailable):
        return error(503, "temporarily_unavailable", refusal.public, ("Retry-After", str(refusal.retry_after)))
    return error(refusal.status, "invalid_request", refusal.public)


def database_failure(failure: Exception) -> Unavailable | None:
    """503 when the database does not answer; None for a statement that we wrote wrong, a fault like any other."""
    logs.failure("database_error", failure)
    if isinstance(failure, DBAPIError) and type(failure.orig).__name__ in {"ProgrammingError", "SyntaxError"}:
        return None
    metrics.DATABASE_FAILURES.labels("connection" if isinstance(failure, NoConnection) else "answer").inc()
    return Unavailable("The server cannot answer right now. Try again in a moment.", type(failure).__name__)


def issuer_path() -> str:
    """The issuer's path, or an empty string."""
    return urlsplit(config.current().issuer).path
