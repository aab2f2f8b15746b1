"""POST /oauth/token (RFC 6749 section 3.2)."""

from __future__ import annotations

from authserver.edge import pools
from authserver.edge.exchange import Incoming, Outgoing
from authserver.lib.rooms import Room
from authserver.oauth.server import server

# Needs no statement when warm; what hides it by escapes finds the other room.
_FOR_ITSELF = b"grant_type=client_credentials"


def respond(incoming: Incoming) -> Outgoing:
    """Authlib picks the grant; `oauth/grants/` has one file for each."""
    return server.answer(incoming, server.create_token_response)


def room(incoming: Incoming) -> Room:
    """Where a token request is answered, by its grant."""
    return pools.WARM if _FOR_ITSELF in incoming.body else pools.PROTOCOL
