"""POST /oauth/token (RFC 6749 section 3.2)."""

from __future__ import annotations

from authserver.domain.limits import token_budget
from authserver.edge import pools
from authserver.edge.exchange import Incoming, Outgoing
from authserver.lib.rooms import Room
from authserver.oauth.server import server

# Needs no statement when warm; what hides it by escapes finds the other room.
_FOR_ITSELF = b"grant_type=client_credentials"
# Bytes that are read on the loop in well under a millisecond, whatever they are: 64 kB of escapes take 75.
_SHORT = 2048


def respond(incoming: Incoming) -> Outgoing:
    """Authlib picks the grant; `oauth/grants/` has one file for each."""
    return server.answer(incoming, server.create_token_response)


def room(incoming: Incoming) -> Room:
    """Where a token request is answered: a client's own is signed on the loop, unless it is counted or long."""
    if _FOR_ITSELF not in incoming.body:
        return pools.PROTOCOL
    short = len(incoming.body) <= _SHORT and len(incoming.header("authorization")) <= _SHORT
    return pools.INSTANT if short and not token_budget.counts() else pools.WARM
