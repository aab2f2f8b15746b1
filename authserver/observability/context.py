"""Who is asking, from where: plain values that travel with a request to logs and audit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Context:
    """One request, or one command. `actor` is `user:…`, `client:…`, `key:…`, `cli` or `system`."""

    request_id: str = ""
    ip: str = ""
    user_agent: str = ""
    actor: str = "system"
    owner_id: str = ""  # the person behind the credential of this request, once that was found good
    stands_on: str = ""  # what its authority ends with: `session:…`, `grant:…`, `key:…`, `client:… <iat>`
    stands_as: str = ""  # the role of its person, as it was when the request was let in
    through: str = ""  # `client:…` where a person's authority came by a token of that app
    refused_for: Any = None  # why the credential of this request was refused, by who refused it; for its owner
    trace_id: str = ""  # of the caller's trace, or of ours
    span: Any = None  # what a tracer knows it by, see tracing.py
    log: dict[str, Any] = field(default_factory=dict)  # more members for this request's log line


_context: ContextVar[Context | None] = ContextVar("authserver_context", default=None)


def current() -> Context:
    """The context of this request; outside of any an empty one of the moment, in which nothing is left for others."""
    return _context.get() or Context()


@contextlib.contextmanager
def using(context: Context) -> Iterator[Context]:
    """Make this the context of the block."""
    token = _context.set(context)
    try:
        yield context
    finally:
        _context.reset(token)
