"""The client's address and scheme: forwarding headers count only when a trusted proxy sent them."""

from __future__ import annotations

import functools
from typing import Any

from authserver import config
from authserver.edge import unknown_proxies
from authserver.lib import networks


def of(environ: dict[str, Any]) -> str:
    """The address of the client, by the rightmost hop that is not a trusted proxy."""
    peer = str(environ.get("REMOTE_ADDR") or "")
    trusted, forwarded = config.current().trusted_proxies, environ.get("HTTP_X_FORWARDED_FOR")
    if forwarded is None:
        return peer
    if not trusted or not networks.contains(_parsed(trusted), peer):
        unknown_proxies.notice(peer, str(forwarded))
        return peer
    return networks.client_ip(peer, forwarded, _parsed(trusted))


def came_over_plain_http(environ: dict[str, Any]) -> bool:
    """Whether a trusted proxy says that the client spoke http although the issuer is https."""
    settings = config.current()
    if not settings.trusted_proxies or not settings.https:
        return False
    peer = str(environ.get("REMOTE_ADDR") or "")
    if not networks.contains(_parsed(settings.trusted_proxies), peer):
        return False
    return str(environ.get("HTTP_X_FORWARDED_PROTO", "https")).rsplit(",", 1)[-1].strip().lower() == "http"


@functools.lru_cache(maxsize=8)
def _parsed(trusted: tuple[str, ...]) -> list[Any]:
    return list(networks.parse(",".join(trusted)))
