"""For operators: health and metrics."""

from authserver.edge.machine import Endpoint
from authserver.edge.pools import HEALTH, INSTANT
from authserver.ops import csp_reports, health, security_txt

_GET = frozenset({"GET", "HEAD"})

ENDPOINTS: dict[str, Endpoint] = {
    **{path: Endpoint(health.alive, _GET, room=INSTANT) for path in ("/healthz", "/livez", "/health/alive")},
    **{path: Endpoint(health.ready, _GET, room=HEALTH) for path in ("/readyz", "/health/ready")},
    "/.well-known/security.txt": Endpoint(security_txt.respond, _GET),
    "/csp-reports": Endpoint(csp_reports.respond, frozenset({"POST"})),
}
