"""GET /.well-known/security.txt (RFC 9116): whom to tell of a weakness; 404 where nobody is named."""

from __future__ import annotations

from datetime import UTC, datetime

from authserver import config
from authserver.edge import machine
from authserver.edge.exchange import Incoming, Outgoing
from authserver.lib import clock

# RFC 9116 section 2.5.5 wants less than a year; a file that is made at each request never grows old.
LIFETIME = 180 * 86_400


def respond(_incoming: Incoming) -> Outgoing:
    """Contact, Expires and Canonical (sections 2.5.2, 2.5.3 and 2.5.5)."""
    settings = config.current()
    if not settings.security_contact:
        return machine.error(404, "not_found", "Nobody is named here. AUTHSERVER_SECURITY_CONTACT names somebody.")
    # The day's end: the same bytes all day.
    expires = datetime.fromtimestamp((clock.now() + LIFETIME) // 86_400 * 86_400, UTC)
    lines = (
        f"Contact: {settings.security_contact}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        f"Canonical: {settings.issuer}/.well-known/security.txt",
    )
    return Outgoing(200, ("\n".join(lines) + "\n").encode(), [("Content-Type", "text/plain; charset=utf-8")])
