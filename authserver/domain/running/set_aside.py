"""Work that was given up, seen in one place: mails and sign-outs of apps. Deliveries have pages of their webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from authserver import database
from authserver.domain.grants import logout_notices
from authserver.domain.ground import mails_given_up
from authserver.domain.record import audit
from authserver.errors import NotFound

SHOWN = 100
PAGE = "/admin/set-aside"


@dataclass(frozen=True, slots=True)
class Job:
    """What was to be done for whom, and why it was not. Times in epoch seconds."""

    id: str
    kind: str  # mail, sign-out
    what: str
    to: str
    at: int
    attempts: int
    error: str


def jobs(limit: int = SHOWN) -> list[Job]:
    """Those that can be tried again, newest first."""
    found = [
        Job(row.id, "mail", row.subject, row.recipient, row.created_at, row.attempts, row.error)
        for row in mails_given_up.newest(limit)
    ]
    for app, row in logout_notices.given_up(limit):
        error = row.error or f"HTTP {row.status}"
        found.append(Job(row.id, "sign-out", "A sign-in ended", app, row.created_at, row.attempts, error))
    return sorted(found, key=lambda each: each.at, reverse=True)[:limit]


def counts() -> dict[str, int]:
    """How many of each kind."""
    with database.reading() as session:
        mails, sign_outs = session.execute(select(mails_given_up.number(), logout_notices.number_given_up())).one()
    return {"mail": mails, "sign-out": sign_outs}


def in_words(found: Mapping[str, int]) -> str:
    """`counts` as an administrator reads them; empty if there are none."""
    return " and ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in found.items() if count)


def try_again(job_id: str) -> None:
    """Put one at the beginning of its schedule. Raises NotFound, Conflict."""
    again = {"lgn": logout_notices.try_again, "mail": mails_given_up.try_again}
    chosen = next((verb for start, verb in again.items() if job_id.startswith(start)), None)
    if chosen is None:
        raise NotFound("There is no such job that was set aside.")
    with database.together():
        chosen(job_id)
        with database.transaction() as session:
            audit.record(session, "job.tried_again", target=f"job:{job_id}")
