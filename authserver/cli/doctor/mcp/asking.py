"""Requests of a walk: through the outbound guard, loopback open where the operator named it (security 7.5)."""

from __future__ import annotations

import dataclasses
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from authserver import config
from authserver.cli.doctor.findings import Finding
from authserver.cli.doctor.mcp.trail import NETWORK, bad
from authserver.config import Settings
from authserver.domain import outbound
from authserver.domain.outbound import Answer

LOOPBACK = ("127.0.0.0/8", "::1/128", "localhost")
SECONDS = 10.0
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class Unreached(Exception):
    """A request that the guard stopped, or that came to nothing."""

    def __init__(self, url: str, why: outbound.Blocked | outbound.Failed) -> None:
        super().__init__(str(why))
        self.url, self.why = url, why


def opened(settings: Settings, url: str) -> Settings:
    """The settings with their own issuer open, and loopback if the MCP server is there: nobody else's URL opens it."""
    more = [_authority(settings.issuer)]
    if config.is_loopback(urlsplit(url).hostname or ""):
        more += LOOPBACK
    return dataclasses.replace(settings, outbound_allow=(*settings.outbound_allow, *filter(None, more)))


def _authority(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return (
        f"[{host}]:{parts.port}" if ":" in host else f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    )


def get(url: str, **headers: str) -> Answer:
    """GET for JSON. Raises Unreached."""
    return send(url, "GET", {"Accept": "application/json", **headers})


def post_form(url: str, fields: dict[str, str], **headers: str) -> Answer:
    """POST of a form, as OAuth has it. Raises Unreached."""
    return send(url, "POST", {**FORM, **headers}, urlencode(fields).encode())


def post_json(url: str, document: Any, **headers: str) -> Answer:
    """POST of JSON. Raises Unreached."""
    return send(url, "POST", {"Content-Type": "application/json", **headers}, json.dumps(document).encode())


def preflight(url: str, origin: str, method: str, *names: str) -> Answer:
    """What a browser asks before a page's request (Fetch). Raises Unreached."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return send(url, "OPTIONS", {**asked, "Access-Control-Request-Headers": ", ".join(names).lower()})


def send(url: str, method: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    """One request. Raises Unreached."""
    try:
        return outbound.ask(url, method, {"User-Agent": "authserver-doctor", **headers}, body, timeout=SECONDS)
    except (outbound.Blocked, outbound.Failed) as error:
        raise Unreached(url, error) from None


def header(answer: Answer, name: str) -> str:
    """All values of a header, joined; empty if it is not there."""
    return ", ".join(value for each, value in answer.headers if each.lower() == name.lower())


def document(answer: Answer) -> dict[str, Any] | None:
    """The JSON object of an answer, or None for anything else."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def finding(check: str, error: Unreached) -> Finding:
    """What is told of such a request."""
    url = error.url
    if isinstance(error.why, outbound.Blocked):
        said = f"nothing is sent to {url}: {error}"
        return bad(check, NETWORK, said, f"if it may be called: export AUTHSERVER_OUTBOUND_ALLOW={_authority(url)}")
    remedy = "is it running, and do name, port and certificate fit, as seen from this machine?"
    return bad(check, NETWORK, f"{url} gives no answer: {error}", remedy)
