"""A sign-in that starts here and not at the app (OpenID Connect Core 1.0, section 4; Registration 1.0, section 2)."""

from __future__ import annotations

from typing import Protocol

from authserver import config
from authserver.lib import redirect_uris


class Startable(Protocol):
    """A client, or its facts."""

    @property
    def initiate_login_uri(self) -> str: ...


def link(client: Startable) -> str:
    """Where a person is sent who is to sign in at the app; empty if it said nothing.

    Without `login_hint`: whose page the link stands on is nothing that an address should say.
    """
    uri = client.initiate_login_uri
    return redirect_uris.append(uri, {"iss": config.current().issuer}) if uri else ""
