"""Work that was given up."""

from __future__ import annotations

from authserver import database, keyring
from authserver.domain.ground import mails
from authserver.lib import clock, sealing
from authserver.models import Mail


def mail(id: str) -> None:
    """One that no server took."""
    sealed = sealing.seal(keyring.sealing_key(), b"text", mails.place_of_text(id))
    facts = {"recipient": "alice@example.test", "subject": "Hello", "body": "", "error": "SMTPDataError (554)"}
    with database.transaction() as session:
        session.add(Mail(id=id, body_sealed=sealed, created_at=clock.now(), next_attempt_at=None, attempts=6, **facts))
