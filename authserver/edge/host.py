"""Pages answer under the issuer's own name and over its scheme alone; protocol endpoints do not care for the name."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import abort, redirect, request
from werkzeug.exceptions import HTTPException

from authserver import config
from authserver.edge import client_address
from authserver.errors import DomainError
from authserver.lib import hosts
from authserver.observability import context, logs


class Misdirected(HTTPException):
    """421: this server is not the one the Host header names (RFC 9110 section 15.5.20)."""

    code = 421
    description = "This server does not answer under that name."


def check() -> Any:
    """Refuse a wrong Host, and requests that another site's page makes behind a person's back."""
    if request.endpoint is None or request.endpoint == "static" or request.endpoint.startswith("machine:"):
        return None
    settings = config.current()
    _refuse_plain_http()
    asked, scheme = request.environ.get("HTTP_HOST", request.host), urlsplit(settings.issuer).scheme
    if hosts.canonical(asked, scheme) != hosts.canonical(settings.host_name, scheme):
        if settings.loopback and request.method in {"GET", "HEAD"} and _is_loopback(request.host):
            path = request.full_path.rstrip("?")
            return redirect(settings.issuer.rstrip("/") + path, 307)
        context.current().log |= {"asked_host": asked[:200], "own_host": settings.host_name}
        raise Misdirected
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.headers.get("Sec-Fetch-Mode") != "navigate":
        abort(403)
    return None


def _refuse_plain_http() -> None:
    """Nobody types a password into a page that came over http; no redirect, which a proxy that lies would repeat."""
    peer, said = request.environ.get("REMOTE_ADDR") or "", request.environ.get("HTTP_X_FORWARDED_PROTO")
    if not client_address.came_over_plain_http(peer, said):
        return
    route = request.url_rule.rule if request.url_rule else ""
    logs.event("plain_http_refused", level="warning", path=route, ip=context.current().ip)
    raise DomainError(f"Pages are served over https only. Open {config.current().issuer} instead.", "over plain http")


def _is_loopback(host: str) -> bool:
    try:
        return (urlsplit(f"//{host}").hostname or "") in config.LOOPBACK_HOSTS
    except ValueError:
        return False
