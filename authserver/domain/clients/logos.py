"""Logos of apps: fetched once, when the app is saved, made anew, and served by this server alone (contract 11.54).

Apps that register themselves have one only with an initial access token: of others nobody vouches for whose it is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.clients import named_addresses
from authserver.errors import Invalid
from authserver.lib import clock, pictures, rooms
from authserver.lib.recent import Recent
from authserver.models import Client, ClientLogo

FETCH_TIMEOUT = 5.0
KEPT_SECONDS = 60  # so that what is looked up before a transaction need not be asked for inside it
MAX_KEPT = 20
_FIELD = "logo_uri"
_ACCEPT = {"Accept": "image/png, image/jpeg, image/webp, image/gif"}


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture as it is served; both empty for none."""

    digest: str = ""
    png: bytes = b""


_kept: Recent[str, tuple[int, Logo]] = Recent(MAX_KEPT)


def look_up(uri: str) -> Logo:
    """The picture at an address, made anew. In a room where one may wait. Raises Invalid.

    Not inside a transaction, unless it was looked up a moment before.
    """
    if not uri:
        return Logo()
    until, logo = _kept.find(uri) or (0, Logo())
    if until <= clock.now():
        rooms.about_to_ask_outside(urlsplit(uri).hostname or uri)
        logo = _made(_asked(uri))
        _kept.keep(uri, (clock.now() + KEPT_SECONDS, logo))
    return logo


def keep(session: Session, row: Client, logo: Logo) -> None:
    """Write it down for an app, whose former one is gone; inside the transaction in which the app changes."""
    row.logo_digest = logo.digest
    session.execute(delete(ClientLogo).where(ClientLogo.client_id == row.id))
    if logo.png:
        session.add(ClientLogo(client_id=row.id, digest=logo.digest, png=logo.png, made_at=clock.now()))


def find(digest: str) -> bytes | None:
    """The PNG of this digest, or None."""
    with database.reading() as session:
        return session.scalar(select(ClientLogo.png).where(ClientLogo.digest == digest).limit(1))


def _asked(uri: str) -> bytes:
    return named_addresses.read(uri, what="picture", field=_FIELD, headers=_ACCEPT, timeout=FETCH_TIMEOUT)


def _made(data: bytes) -> Logo:
    try:
        png = pictures.as_png(data)
    except pictures.BadPicture as problem:
        raise Invalid(str(problem), field=_FIELD) from None
    return Logo(hashlib.sha256(png).hexdigest(), png)
