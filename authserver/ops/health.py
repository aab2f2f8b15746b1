"""GET /healthz, /readyz: whether the process lives, whether it can work, and if not, why."""

from __future__ import annotations

import json
from collections.abc import Callable

from authserver.domain.running import schema
from authserver.domain.signing import keys as signing_keys
from authserver.edge import draining
from authserver.edge.exchange import Incoming, Outgoing
from authserver.errors import DomainError
from authserver.observability import logs

_JSON = [("Content-Type", "application/json")]


class NotReady(Exception):
    """A check that fails, with the sentence an operator reads."""


def alive(_incoming: Incoming) -> Outgoing:
    """The process answers: touches nothing else, so that a lost database restarts nobody."""
    return Outgoing(200, b'{"status":"ok"}', [*_JSON])


def ready(_incoming: Incoming) -> Outgoing:
    """Every check with its status; 503 if one fails, and first of all when this server is about to stop."""
    checks = {name: _result(name, check) for name, check in CHECKS.items()}
    fine = all(status == "ok" for status in checks.values())
    body = {"status": "ok" if fine else "not ready", "checks": checks}
    retry = [] if fine else [("Retry-After", "2")]
    return Outgoing(200 if fine else 503, json.dumps(body).encode(), [*_JSON, *retry])


def _result(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as why:
        return str(why)
    except DomainError as why:
        return why.public
    except Exception as failure:
        logs.event(
            "readiness_failed", level="warning", check=name, error=type(failure).__name__, msg=str(failure)[:300]
        )
        return _SAID[name]
    return "ok"


def _serving() -> None:
    if draining.started():
        raise NotReady("stopping")


def _migrations() -> None:
    """The database answers, and its schema is this version's."""
    found = schema.status()
    if found.state != "current":
        raise NotReady(found.sentence)


def _database() -> None:
    schema.reachable()


def _keys() -> None:
    for alg in signing_keys.ALGS:
        signing_keys.signer(alg)


CHECKS: dict[str, Callable[[], None]] = {
    "serving": _serving,
    "database": _database,
    "migrations": _migrations,
    "keys": _keys,
}
_SAID = {
    "serving": "unknown",
    "database": "The database does not answer.",
    "migrations": "The schema cannot be read.",
    "keys": "The signing keys cannot be read.",
}
