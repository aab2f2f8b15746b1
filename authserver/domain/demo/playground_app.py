"""What every app of the playground is registered with, so that each flow works with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from authserver import config
from authserver.domain.clients.metadata import CODE, DEVICE, MACHINE, REFRESH, authentication
from authserver.domain.demo import logout_receiver

PATH = "/playground"
PEOPLE = (CODE, REFRESH, DEVICE)
EVERYTHING = (CODE, REFRESH, MACHINE, DEVICE)


def redirect_uri() -> str:
    """Where the playground waits for codes: it is its own callback."""
    return config.current().issuer + PATH


def members(grants: Sequence[str]) -> dict[str, Any]:
    """Fields of a registration: the grants that are on, where people come back to, who hears of sign-outs."""
    settings = config.current()
    hears = settings.demo and settings.has_logout_channels
    return {
        "grant_types": tuple(each for each in grants if each in authentication.grant_types()),
        "redirect_uris": (redirect_uri(),),
        "post_logout_redirect_uris": (redirect_uri(),),
        "backchannel_logout_uri": settings.issuer + logout_receiver.PATH if hears else "",
    }
