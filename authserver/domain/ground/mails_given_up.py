"""Mails that no server took: set aside, to be seen by administrators and sent again, and forgotten after three days."""

from __future__ import annotations

from sqlalchemy import ScalarSelect, func, select

from authserver import database, keyring
from authserver.domain.ground import batches, mails
from authserver.errors import Conflict, NotFound
from authserver.lib import clock, sealing
from authserver.models import Mail

KEPT_SECONDS = 3 * 86_400
# By their seals, of which there are few: whoever tries again needs the text.
_GIVEN_UP = (Mail.body_sealed.is_not(None),)


def newest(limit: int) -> list[Mail]:
    """Those that can be tried again, newest first."""
    chosen = select(Mail).where(*_GIVEN_UP).order_by(Mail.created_at.desc(), Mail.id).limit(limit)
    with database.reading() as session:
        return list(session.scalars(chosen))


def number() -> ScalarSelect[int]:
    """How many those are, to be asked for together with others."""
    return select(func.count()).select_from(Mail).where(*_GIVEN_UP).scalar_subquery()


def try_again(mail_id: str) -> None:
    """Put one at the beginning of its schedule. Raises NotFound; Conflict if its text cannot be opened any more."""
    with database.transaction() as session:
        row = session.get(Mail, mail_id, with_for_update=True)
        if row is None or row.body_sealed is None:
            raise NotFound("There is no such mail that was set aside.")
        try:
            row.body = sealing.open_sealed(
                keyring.sealing_keys(), row.body_sealed, mails.place_of_text(row.id)
            ).decode()
        except sealing.SealBroken:
            raise Conflict("The text of this mail cannot be opened any more: the secret key is another one.") from None
        row.body_sealed, row.attempts, row.next_attempt_at = None, 0, clock.now()
        mails.wake_after(session)


def forget_texts() -> int:
    """Of what nobody sent again in time; how many."""
    return batches.blank_all(Mail, *_GIVEN_UP, Mail.created_at < clock.now() - KEPT_SECONDS, body_sealed=None)
