"""POST /oauth/token (RFC 6749 section 3.2)."""

from __future__ import annotations

from authserver.edge.exchange import Incoming, Outgoing
from authserver.oauth.server import server


def respond(incoming: Incoming) -> Outgoing:
    """Authlib picks the grant; `oauth/grants/` has one file for each."""
    return server.answer(incoming, server.create_token_response)
