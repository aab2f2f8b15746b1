"""/gateway/auth[/<needed>]: for nginx `auth_request`, Traefik and Caddy `forward_auth`, HAProxy."""

from __future__ import annotations

from authserver.edge.exchange import Incoming, Outgoing
from authserver.gateway import decision

PATH = "/gateway/auth"


def respond(incoming: Incoming) -> Outgoing:
    """Decide. Our own method and query are the proxy's business: only what stands in the path counts."""
    needed = incoming.path.removeprefix(PATH).strip("/")
    return decision.decide(incoming, needed, proxy="forward_auth")
