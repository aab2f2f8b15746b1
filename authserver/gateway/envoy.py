"""/gateway/envoy/<needed> and the original path behind it: for Envoy's HTTP `ext_authz`."""

from __future__ import annotations

from authserver.edge.exchange import Incoming, Outgoing
from authserver.gateway import decision

PATH = "/gateway/envoy/"


def respond(incoming: Incoming) -> Outgoing:
    """Decide. Envoy sends the original method and, after the prefix, the original path."""
    needed, slash, rest = incoming.path.removeprefix(PATH).partition("/")
    return decision.decide(incoming, needed, proxy="envoy", own=(incoming.method, slash + rest or "/"))
