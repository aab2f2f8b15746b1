"""CORS of protocol endpoints (contract 4): which origin may read an answer, and what a preflight is told.

Never with credentials: cookies decide nothing here, so that echoing what is asked for gives nothing away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from authserver import config
from authserver.domain.clients import cors_origins
from authserver.edge import refused
from authserver.edge.exchange import Incoming, Outgoing
from authserver.errors import Check
from authserver.lib import redirect_uris
from authserver.observability import context

Rule = Callable[[Incoming, Outgoing], str | None]
"""The origin that may read this answer, if any; asked once the answer is made."""

MAX_NAMES = 32
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
EXPOSED = (
    "WWW-Authenticate", "Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
    "RateLimit-Policy", "RateLimit", "X-Request-Id",
)  # fmt: skip
MAX_AGE = "600"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")


def any_origin(_incoming: Incoming, _outgoing: Outgoing) -> str | None:
    """What anybody may read."""
    return "*"


def of_apps(incoming: Incoming, _outgoing: Outgoing) -> str | None:
    """Pages of enabled apps: exactly one of their origins."""
    origin = incoming.header("origin")
    return origin if origin in cors_origins.allowed() else None


def is_preflight(incoming: Incoming) -> bool:
    """Whether a browser asks before it sends a page's request (Fetch, section 3.3.2)."""
    headers = incoming.headers
    return incoming.method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def headers(
    rule: Rule | None, incoming: Incoming, outgoing: Outgoing, methods: Collection[str] | None
) -> list[tuple[str, str]]:
    """What is added to an answer for the page that asked; `methods` None are all that there are."""
    if rule is None or not incoming.header("origin"):
        return []
    origin = rule(incoming, outgoing)
    if origin is None:
        _explain(incoming, outgoing)
        return [("Vary", "Origin")]
    granted = [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", ", ".join(EXPOSED))]
    if origin != "*":
        granted.append(("Vary", "Origin"))
    return granted + (preflight(incoming, METHODS if methods is None else methods) if is_preflight(incoming) else [])


def _explain(incoming: Incoming, outgoing: Outgoing) -> None:
    """Its owner reads what a browser only calls a CORS error. Who asks in a preflight is known to nobody."""
    origin, asked = incoming.header("origin"), context.current().log
    if is_preflight(incoming) or origin == redirect_uris.origin(config.current().issuer):
        return
    own = " or ".join(sorted(cors_origins.of(str(asked.get("client_id", ""))))) or "one of the app's, which has none"
    expected, remedy = (_NO_PAGE, _PROGRAM) if asked.get("key_id") else (own, _ADD)
    check = Check("origin", False, expected, origin)
    text = f"The browser kept the answer from the page. {remedy}"
    refused.note_answer(incoming.path, code="origin_not_allowed", status=outgoing.status, message=text, check=check)


_NO_PAGE = "none: an API key is for programs"
_PROGRAM = "No page may use an API key: use one from a program alone."
_ADD = "Add the page's origin to the app's browser origins."


def preflight(incoming: Incoming, methods: Collection[str]) -> list[tuple[str, str]]:
    """What a page may send: these methods, and whatever headers it names."""
    told = [("Access-Control-Allow-Methods", ", ".join(sorted(methods))), ("Access-Control-Max-Age", MAX_AGE)]
    names = [name.strip() for name in incoming.header("access-control-request-headers").split(",")]
    fine = [name for name in names if _TOKEN.fullmatch(name)]
    if fine:
        told.append(("Access-Control-Allow-Headers", ", ".join(fine[:MAX_NAMES])))
    return [*told, ("Vary", "Access-Control-Request-Headers")]
