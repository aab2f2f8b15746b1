"""Forms that may be answered once: a repeated POST makes no second key."""

from __future__ import annotations

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from authserver import database
from authserver.lib import clock, secrets
from authserver.models import FormNonce

LIFETIME = 24 * 3600


def spend(nonce: str) -> bool:
    """Whether this is the first use of a nonce; decided by one insert, so that of two equal requests one wins."""
    if not 20 <= len(nonce) <= 100:
        return False
    try:
        with database.transaction() as session:
            session.execute(insert(FormNonce).values(digest=secrets.digest(nonce), expires_at=clock.now() + LIFETIME))
    except IntegrityError:
        return False
    return True
