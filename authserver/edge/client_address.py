"""The client's address and scheme: forwarding headers count only when a trusted proxy sent them."""

from __future__ import annotations

import functools
from typing import Any

from authserver import config
from authserver.edge import unknown_proxies
from authserver.lib import networks


def of(peer: str, forwarded_for: str | None) -> str:
    """The address of the client, by the rightmost hop that is not a trusted proxy; `None` is a header not sent."""
    if forwarded_for is None:
        return peer
    trusted = config.current().trusted_proxies
    if not _vouches(trusted, peer):
        unknown_proxies.notice(peer, forwarded_for)
        return peer
    return networks.client_ip(peer, forwarded_for, _parsed(trusted))


def came_over_plain_http(peer: str, forwarded_proto: str | None) -> bool:
    """Whether a trusted proxy says that the client spoke http although the issuer is https."""
    if forwarded_proto is None:
        return False
    settings = config.current()
    if not settings.https or not _vouches(settings.trusted_proxies, peer):
        return False
    return forwarded_proto.rsplit(",", 1)[-1].strip().lower() == "http"


@functools.lru_cache(maxsize=1024)  # what comes through proxies comes from few peers
def _vouches(trusted: tuple[str, ...], peer: str) -> bool:
    return networks.contains(_parsed(trusted), peer)


@functools.lru_cache(maxsize=8)
def _parsed(trusted: tuple[str, ...]) -> list[Any]:
    return list(networks.parse(",".join(trusted)))
