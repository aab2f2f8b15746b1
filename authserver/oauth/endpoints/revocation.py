"""POST /oauth/revoke (RFC 7009): a client gives back a token of its own."""

from __future__ import annotations

from authserver.domain.tokens import revocation
from authserver.edge.exchange import Incoming, Outgoing
from authserver.oauth import client
from authserver.oauth.request_rules import ProtocolRequest
from authserver.oauth.server import server


def respond(incoming: Incoming) -> Outgoing:
    """200 whether or not there was such a token, so that the answer tells nothing; a storage error is never 200."""
    return server.answer(incoming, _revoke)


def _revoke(request: ProtocolRequest) -> Outgoing:
    caller = client.authenticate(request)
    revocation.revoke(request.need("token"), caller.facts.id)
    return Outgoing(200)
