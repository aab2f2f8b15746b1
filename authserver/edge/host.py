"""Pages answer under the issuer's own name alone; protocol endpoints do not care."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import abort, redirect, request
from werkzeug.exceptions import HTTPException

from authserver import config


class Misdirected(HTTPException):
    """421: this server is not the one the Host header names (RFC 9110 section 15.5.20)."""

    code = 421
    description = "This server does not answer under that name."


def check() -> Any:
    """Refuse a wrong Host, and requests that another site's page makes behind a person's back."""
    if request.endpoint is None or request.endpoint == "static" or request.endpoint.startswith("machine:"):
        return None
    settings = config.current()
    if request.host.lower() != settings.host_name.lower():
        if settings.loopback and request.method in {"GET", "HEAD"} and _is_loopback(request.host):
            path = request.full_path.rstrip("?")
            return redirect(settings.issuer.rstrip("/") + path, 307)
        raise Misdirected
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.headers.get("Sec-Fetch-Mode") != "navigate":
        abort(403)
    return None


def _is_loopback(host: str) -> bool:
    try:
        return (urlsplit(f"//{host}").hostname or "") in config.LOOPBACK_HOSTS
    except ValueError:
        return False
