"""Logout tokens, and the courier that brings them to apps (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Select, case, func, select, update

from authserver import config, database
from authserver.domain import outbound
from authserver.domain.clients import clients
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import logout_notices
from authserver.domain.grants.logout_notices import DELIVERED, FAILED, PENDING, Notice
from authserver.domain.record import told_subjects
from authserver.domain.signing import keys as signing_keys
from authserver.lib import clock, jwt, retry_after, secrets
from authserver.models import Client, Grant
from authserver.observability import logs

TYP = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME = 120  # seconds; section 2.4 wants it short
THREADS = 8
SHARE = 2  # of them, for the apps of one owner: whose are slow keeps nobody else's from being told
POLL_SECONDS = 0.5
START_SECONDS = 10  # a request begins so soon after it was taken, or is another's: it ends within the lease
LEASE_SECONDS = 40  # who stalls for longer loses the notice to another
BACKOFF = (5, 30, 120, 600, 3600, 6 * 3600)
"""Seconds before each further attempt; after the last an app is told no more."""
# Answers after which the same will not help: the app has understood, and refuses.
_FINAL = frozenset(range(400, 500)) - {408, 425, 429}


def token(client: ClientFacts, notice: Notice) -> str:
    """A logout token for one app and sign-in (section 2.4): never with a nonce, and never good for anything else.

    Its `sub` is that of the ID token of this sign-in; an app that never got one is told the `sid` alone.
    """
    now = clock.now()
    with database.reading() as session:
        this = func.coalesce(Grant.sid, Grant.session_id) == notice.session_id
        sub = told_subjects.latest(session, client.id, notice.user_id, this)
    claims: dict[str, Any] = {
        "iss": config.current().issuer,
        **({"sub": sub} if sub else {}),
        "aud": client.client_id,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": secrets.random_id(""),
        "events": {EVENT: {}},
        "sid": notice.session_id,
    }
    return jwt.sign(signing_keys.signer(client.id_token_alg), claims, TYP)


def run(until: threading.Event) -> None:
    """Send what is due, until told to stop; then wait for what is being sent. Any number may run."""
    busy: dict[threading.Thread, str] = {}
    while not until.is_set():
        taken = time.monotonic()
        busy = {each: whose for each, whose in busy.items() if each.is_alive()}
        try:
            claimed = _claim(THREADS - len(busy), Counter(busy.values()))
        except Exception as failure:
            logs.failure("logout_notices_not_taken", failure)
            claimed = []
        busy |= {_started(each, taken): _answerable(each) for each in claimed}
        if not claimed:
            logout_notices.news.wait(POLL_SECONDS)
            logout_notices.news.clear()
    for thread in busy:
        thread.join(outbound.TOTAL_SECONDS + 5)


def send_due(limit: int = 100) -> int:
    """Send what is due now, in this thread; how many requests were made. Tests and the shell use it."""
    sent = 0
    while sent < limit and (claimed := _claim(1)):  # one at a time: its lease is longer than its work
        _send(claimed[0], time.monotonic())
        sent += 1
    return sent


def in_background() -> Callable[[], None]:
    """Send from a thread of this process, for the demo; call what is returned to stop."""
    stop = threading.Event()
    threading.Thread(target=run, args=(stop,), name="logout", daemon=True).start()
    return stop.set


def _started(notice: Notice, taken: float) -> threading.Thread:
    thread = threading.Thread(target=_deliver, args=(notice, taken), daemon=True)
    thread.start()
    return thread


def _deliver(notice: Notice, taken: float) -> None:
    try:
        _send(notice, taken)
    except Exception as failure:
        logs.failure("logout_notice_not_sent", failure, client_id=notice.client_id)
        with contextlib.suppress(Exception):  # else its lease ends, and another takes it
            _note(notice, _or_again(notice), error="This server failed to send it.")


def _claim(limit: int, busy: Mapping[str, int] | None = None) -> Sequence[Notice]:
    """Take notices that are due: nobody else sends them while their lease lasts.

    `busy` is how many of each owner's are being sent here; of no owner's apps more than SHARE are. None: all alike.
    """
    now = clock.now()
    due = select(Notice.id).where(Notice.next_at <= now).order_by(Notice.next_at, Notice.id).limit(limit)
    if limit <= 0:
        return []
    with database.reading() as session:
        if session.execute(due).first() is None:  # a look takes no lock; most looks find nothing
            return []
    if busy is not None:
        due = due.where(Notice.id.in_(_within_shares(now, busy)))
    with database.transaction() as session:
        taken = update(Notice).where(Notice.id.in_(database.free(due)))
        taken = taken.values(next_at=now + LEASE_SECONDS, attempts=Notice.attempts + 1).returning(Notice)
        return session.scalars(taken, execution_options={"synchronize_session": False}).all()


def _within_shares(now: int, busy: Mapping[str, int]) -> Select[str]:
    """Of what is due the first of each owner's apps, as many as there is room for."""
    place = func.row_number().over(partition_by=_WHOSE, order_by=(Notice.next_at, Notice.id)).label("place")
    lined = select(Notice.id, place, _WHOSE.label("whose")).join(Client, Client.id == Notice.client_id)
    rows = lined.where(Notice.next_at <= now).subquery()
    left = case({whose: SHARE - count for whose, count in busy.items()}, value=rows.c.whose, else_=SHARE)
    return select(rows.c.id).where(rows.c.place <= (left if busy else SHARE))


# As `ClientFacts.answerable` says.
_WHOSE = func.coalesce(Client.owner_id, case((Client.self_registered, "nobody"), else_=Client.id))


def _answerable(notice: Notice) -> str:
    client = clients.find(notice.client_id)
    return client.answerable if client is not None else ""


def _send(notice: Notice, taken: float) -> None:
    """Tell the app, unless this process stood still since it took the notice (seconds of the steady clock)."""
    client = clients.find(notice.client_id)
    if notice.attempts > len(BACKOFF) + 1:
        _note(notice, FAILED, error="Whoever sent it ended in the midst of it, each time.")
        return
    if client is None or not client.enabled or not client.backchannel_logout_uri:
        _note(notice, FAILED, error="The app was stopped, or asks for it no more.")
        return
    body = urlencode({"logout_token": token(client, notice)}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}
    if time.monotonic() - taken > START_SECONDS:
        return  # another sends it when its lease is over
    try:
        answer = outbound.fetch(client.backchannel_logout_uri, "POST", headers, body)
    except outbound.Blocked as refused:
        _note(notice, FAILED, error=str(refused))
    except outbound.Failed as failure:
        _note(notice, _or_again(notice), error=str(failure))
    else:
        good = answer.status in (200, 204)  # section 2.8; 204 is what some frameworks make of an empty 200
        ended = FAILED if answer.status in _FINAL else _or_again(notice)
        wait = retry_after.seconds(answer.status, answer.headers, clock.now())
        _note(notice, DELIVERED if good else ended, status=answer.status, wait=wait)


def _or_again(notice: Notice) -> str:
    return PENDING if notice.attempts <= len(BACKOFF) else FAILED


def _note(notice: Notice, state: str, *, status: int | None = None, error: str = "", wait: int = 0) -> None:
    now = clock.now()
    again = now + max(wait, BACKOFF[notice.attempts - 1]) if state == PENDING else None
    values = {"state": state, "status": status, "error": error[:200], "answered_at": now, "next_at": again}
    with database.writing() as connection:
        # Unless another began with it meanwhile.
        ours = Notice.id == notice.id, Notice.attempts == notice.attempts, Notice.state == PENDING
        connection.execute(update(Notice).where(*ours).values(values))
    if state != DELIVERED:
        said = {"status": status} if status else {"error": error}
        logs.event("logout_not_delivered", level="warning", client_id=notice.client_id, **said)
