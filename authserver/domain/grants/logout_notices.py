"""Which apps hear that a sign-in ended, written with its end (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, event, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.errors import NotFound
from authserver.lib import clock, redirect_uris, secrets
from authserver.models import Client, Grant, LogoutNotice, SignInSession

PENDING, DELIVERED, FAILED, SHOWN_IN_FRAME = "pending", "delivered", "failed", "shown"
MAX_FRAMES = 20  # of one page; whoever used more apps in one sign-in ends the others' by their own time
RETRIED_SECONDS = 3 * 86_400  # who was told nothing for so long has ended the sign-in by its own time
SHOWN = 20  # on the page of sessions
news = threading.Event()
"""Set when something was committed that can be sent: a courier in the same process need not wait for its next look."""
_LIVE = (Client.disabled_at.is_(None), Client.deleted_at.is_(None))
_SID = func.coalesce(Grant.sid, Grant.session_id).label("sid")  # what the app knows the sign-in by
# The row, for entries, which know no tables.
Notice = LogoutNotice


@dataclass(frozen=True, slots=True)
class Told:
    """An app that was told of the end of a sign-in, for the person whose it was."""

    app: str
    notice: LogoutNotice


def of_sessions(session: Session, series: Sequence[str]) -> None:
    """Tell the apps of these sign-ins that they ended, whichever session of a series each app knows."""
    if series:
        _tell(session, Grant.session_id.in_(select(SignInSession.id).where(SignInSession.series.in_(series))))


def of_grants(session: Session, grant_ids: Iterable[str]) -> None:
    """Tell the apps whose grants ended with what they were told by the person, not by an app's own mistake."""
    ids = list(grant_ids)
    if ids:
        _tell(session, Grant.id.in_(ids))


def in_frames(session: Session, series: str) -> list[str]:
    """The addresses that this browser loads to sign out of its apps, each with our issuer and its `sid` (section 3)."""
    if not config.current().has_logout_channels:
        return []
    now, sids = clock.now(), select(SignInSession.id).where(SignInSession.series == series)
    found = session.execute(
        select(Grant.client_id, _SID, Grant.user_id, Client.frontchannel_logout_uri)
        .join(Client, Client.id == Grant.client_id)
        .where(Grant.session_id.in_(sids), Client.frontchannel_logout_uri != "", *_LIVE)
        .distinct()
        .order_by(Grant.client_id, _SID)
    ).all()[:MAX_FRAMES]
    if found:
        session.execute(insert(LogoutNotice), [_row(each, now, channel="front") for each in found])
    said = config.current().issuer
    uris = [(each.frontchannel_logout_uri, each.sid) for each in found]
    return [redirect_uris.append(uri, {"iss": said, "sid": sid}) for uri, sid in uris]


def list_for(user_id: str) -> list[Told]:
    """Apps that were told of a person's ended sign-ins, newest first: SHOWN at most."""
    newest = LogoutNotice.created_at.desc(), LogoutNotice.id.desc()
    wanted = select(Client.name, LogoutNotice).join(Client, Client.id == LogoutNotice.client_id)
    with database.reading() as session:
        rows = session.execute(wanted.where(LogoutNotice.user_id == user_id).order_by(*newest).limit(SHOWN))
        return [Told(name, notice) for name, notice in rows]


def given_up(limit: int) -> list[tuple[str, LogoutNotice]]:
    """Apps that were told no more in the last days, by name, newest first."""
    chosen = select(Client.name, LogoutNotice).join(Client, Client.id == LogoutNotice.client_id).where(*_given_up())
    newest = chosen.order_by(LogoutNotice.created_at.desc(), LogoutNotice.id).limit(limit)
    with database.reading() as session:
        return [(name, notice) for name, notice in session.execute(newest)]


def number_given_up() -> ScalarSelect[int]:
    """How many those are, to be asked for together with others."""
    return select(func.count()).select_from(LogoutNotice).where(*_given_up()).scalar_subquery()


def try_again(notice_id: str) -> None:
    """Put one that was given up at the beginning of its schedule. Raises NotFound."""
    again = update(LogoutNotice).where(LogoutNotice.id == notice_id, *_given_up())
    values = {"state": PENDING, "attempts": 0, "next_at": clock.now(), "error": "", "status": None}
    with database.transaction() as session:
        if session.scalar(again.values(values).returning(LogoutNotice.id)) is None:
            raise NotFound("There is no such sign-out that was set aside.")
        event.listen(session, "after_commit", lambda _session: news.set(), once=True)


def _given_up() -> tuple[ColumnElement[bool], ...]:
    return LogoutNotice.state == FAILED, LogoutNotice.created_at > clock.now() - RETRIED_SECONDS


def _tell(session: Session, which: ColumnElement[bool]) -> None:
    if not config.current().has_logout_channels:
        return
    now = clock.now()
    of_this = (LogoutNotice.client_id == Grant.client_id, LogoutNotice.session_id == _SID)
    told = exists().where(
        *of_this, LogoutNotice.channel == "back", or_(LogoutNotice.state == PENDING, LogoutNotice.created_at == now)
    )
    found = session.execute(
        select(Grant.client_id, _SID, Grant.user_id)
        .join(Client, Client.id == Grant.client_id)
        .where(which, Grant.session_id.is_not(None), Client.backchannel_logout_uri != "", *_LIVE, ~told)
        .distinct()
        .order_by(Grant.client_id, _SID)
    ).all()
    if found:
        session.execute(insert(LogoutNotice), [_row(each, now) for each in found])
        event.listen(session, "after_commit", lambda _session: news.set(), once=True)


def _row(grant: Any, now: int, *, channel: str = "back") -> dict[str, object]:
    back = channel == "back"
    return {
        "id": secrets.random_id("lgn"), "client_id": grant.client_id, "session_id": grant.sid,
        "user_id": grant.user_id,
        "channel": channel, "state": PENDING if back else SHOWN_IN_FRAME, "created_at": now,
        "next_at": now if back else None, "attempts": 0, "error": "",
    }  # fmt: skip
