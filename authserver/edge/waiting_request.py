"""The authorization request that a page belongs to, if it waits for this very browser: `request` in query or form."""

from __future__ import annotations

from flask import request

from authserver.domain.authorization import requests as authorization_requests
from authserver.domain.authorization.requests import PendingView
from authserver.edge import browser


def find() -> PendingView | None:
    """What waits; None for what is unknown, over, or another browser's."""
    given = request.values.get("request", "")
    found = authorization_requests.peek(given, browser.cookie_digest()) if given else None
    return None if found is None or found.expired else found


def handle() -> str:
    """Its handle, which leads back to it; empty where nothing waits."""
    return request.values.get("request", "") if find() else ""
