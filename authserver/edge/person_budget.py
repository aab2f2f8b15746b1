"""What one person may change on pages within an hour: every change is an audit event, a row that stays for years."""

from __future__ import annotations

from flask import request

from authserver.domain.limits import rate_limits
from authserver.edge import current_user
from authserver.errors import RateLimited
from authserver.lib import durations

# As much as an API key; nobody presses so many buttons.
CHANGES = "1000/hour"
# What ends things always works, and leaves no row where there is nothing to end: else whoever has somebody's browser
# could spend the budget, and so keep the person from shutting them out.
ENDINGS = (
    "login.", "logout.", "security.", "sessions.", "connected_apps.revoke", "api_keys.revoke", "webhooks.delete",
    "apps_credentials.revoke",
)  # fmt: skip


def check() -> None:
    """Count a change of whoever is signed in; raises RateLimited for one too many."""
    if request.method in {"GET", "HEAD", "OPTIONS"} or request.endpoint is None:
        return
    if request.endpoint.startswith(("machine:", *ENDINGS)) or (found := current_user.signed_in()) is None:
        return
    state = rate_limits.consume("pages", f"user:{found.user.id}", CHANGES)
    if not state.allowed:
        wait = durations.in_words(state.retry_after)
        text = f"These were more changes than one person makes. Go on in {wait}."
        raise RateLimited(text, "too many changes on pages", retry_after=state.retry_after)
