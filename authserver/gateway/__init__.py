"""For proxies: may this request pass?"""

from authserver.edge.machine import Endpoint
from authserver.gateway import envoy, forward_auth

_AUTH = Endpoint(forward_auth.respond, methods=None, api=True, body=False)
ENDPOINTS: dict[str, Endpoint] = {
    forward_auth.PATH: _AUTH,
    f"{forward_auth.PATH}/": _AUTH,
    envoy.PATH: Endpoint(envoy.respond, methods=None, api=True, body=False),
}
