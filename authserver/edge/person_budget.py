"""What pages count as a change of a person: every change is an audit event, a row that stays for years."""

from __future__ import annotations

from flask import request

from authserver.domain.limits import changes
from authserver.edge import current_user

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
    changes.spend_on_page(found.user.id)
