"""Forms whose session ended by time: kept sealed until the same person is signed in again (contract 11.50)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select

from authserver import database
from authserver.lib import clock, sealing, secrets
from authserver.models import KeptForm

LIFETIME = 30 * 60
# Of one person; the oldest go first. Only who has such a session gets one at all.
MOST = 5
# Of the fields, as JSON in bytes. The largest form of ours has some 20 kB; its fields are left out beyond.
SIZE = 64 * 1024
# By the last word of a field's name; besides, whatever reads like a credential. Headers of webhooks carry them.
_SECRET = re.compile(
    r"(?:.*[_-])?(?:passwords?|passphrase|secrets?|tokens?|otp|pin|private_key)"
    r"|(?:recovery_|backup_)?code|headers(?:-\d+)?"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A form: the path that it goes to, the page that it stands on, and what was typed."""

    path: str
    page: str
    fields: tuple[tuple[str, str], ...]
    left_out: bool = False  # whether something was typed that is not kept


def keep(user_id: str, mark: str, form: Kept) -> str:
    """Keep a form for this person in the browser with this mark; the id under which it is found."""
    id, now = secrets.random_id("kf"), clock.now()
    row = KeptForm(id=id, user_id=user_id, browser=secrets.digest(mark), created_at=now, expires_at=now + LIFETIME)
    row.sealed = sealing.seal_with_token(mark, json.dumps([form.path, form.page, form.fields, form.left_out]))
    of_theirs = select(KeptForm.id).where(KeptForm.user_id == user_id).order_by(KeptForm.created_at.desc(), KeptForm.id)
    with database.transaction() as session:
        older = session.scalars(of_theirs.offset(MOST - 1)).all()
        session.execute(delete(KeptForm).where(KeptForm.id.in_(older)))
        session.add(row)
    return id


def find(id: str, user_id: str, mark: str) -> Kept | None:
    """The form of this id; None for one that is too old, of another person, or of another browser."""
    with database.reading() as session:
        row = session.scalar(select(KeptForm).where(KeptForm.id == id, *_good(user_id, mark)))
    return _opened(row, mark) if row else None


def search(path: str, name: str, value: str, user_id: str, mark: str) -> str:
    """The id of a form of this person in this browser that goes to `path` and has this value; empty for none."""
    theirs = select(KeptForm).where(*_good(user_id, mark)).order_by(KeptForm.created_at.desc(), KeptForm.id)
    with database.reading() as session:
        rows = session.scalars(theirs).all()
    forms = ((row.id, _opened(row, mark)) for row in rows)
    return next((id for id, form in forms if form and form.path == path and (name, value) in form.fields), "")


def waits(id: str, user_id: str, mark: str) -> bool:
    """Whether there is such a form."""
    with database.reading() as session:
        return session.scalar(select(KeptForm.id).where(KeptForm.id == id, *_good(user_id, mark))) is not None


def without_secrets(fields: Iterable[tuple[str, str]]) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Those of the fields that may be kept, and whether any may not: passwords, secrets, and what is too much."""
    given = [*fields]
    kept = tuple((name, value) for name, value in given if not is_secret(name, value))
    left_out = any(value for name, value in given if is_secret(name, value))
    return ((), True) if len(json.dumps(kept)) > SIZE else (kept, left_out)


def is_secret(name: str, value: str = "") -> bool:
    """Whether a field of this name is one for secrets, or holds something that reads like one."""
    return bool(_SECRET.fullmatch(name)) or secrets.redact(value) != value


def _opened(row: KeptForm, mark: str) -> Kept | None:
    text = sealing.open_with_token(mark, row.sealed)
    if text is None:
        return None
    path, page, fields, left_out = json.loads(text)
    return Kept(path, page, tuple((name, value) for name, value in fields), left_out)


def _good(user_id: str, mark: str) -> list[ColumnElement[bool]]:
    theirs = [KeptForm.user_id == user_id, KeptForm.browser == secrets.digest(mark)]
    return [*theirs, KeptForm.expires_at > clock.now()]
