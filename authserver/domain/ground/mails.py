"""Mails: written in the transaction of their cause, delivered afterwards, emptied once they left."""

from __future__ import annotations

import dataclasses
import functools
import threading
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formataddr
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session

from authserver import config, database, keyring, mailer
from authserver.domain.ground import leases, mail_layout, mail_texts
from authserver.lib import clock, sealing, secrets
from authserver.models import Mail
from authserver.observability import logs, metrics

# Seconds before each further attempt; with the first one six in all, over about nine hours.
BACKOFF = (30, 2 * 60, 15 * 60, 2 * 3600, 6 * 3600)
# A mail that is being sent is nobody else's for this long, and for as long again while the sending goes on.
LEASE_SECONDS = 60
RENEW_SECONDS = 15
# So many mails at once: a server that is slow with one holds up no other.
THREADS = 4
POLL_SECONDS = 5.0
TICK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Due:
    id: str
    recipient: str
    subject: str
    body: str
    attempts: int


def send(session: Session, to: str, template: str, *, whose: str, **values: Any) -> None:
    """Write a mail in the transaction of what it tells about; `to` is a normalised address, `whose` a person's id.

    `template` names a file of templates/mail, whose first line is the subject. Without a way to deliver nothing
    is written. In the demo without SMTP the row itself is the mail: the demo shows it on a page.
    """
    settings = config.current()
    if not settings.mail:
        return
    now = clock.now()
    subject, body = mail_texts.render(template, **values)
    leaves = bool(settings.smtp_url)
    session.add(
        Mail(
            id=secrets.random_id("mail"),
            user_id=whose,
            recipient=to,
            subject=subject,
            body=body,
            created_at=now,
            next_attempt_at=now if leaves else None,
            sent_at=None if leaves else now,
        )
    )
    if leaves:
        wake_after(session)


def pretend(session: Session, template: str, **values: Any) -> None:
    """The work of `send` for an address nobody has, so that the two take the same time; the row is empty and dead."""
    if not config.current().mail:
        return
    mail_texts.render(template, **values)
    session.add(Mail(id=secrets.random_id("mail"), recipient="", subject="", body="", created_at=clock.now()))


def deliver_due(limit: int = 20) -> int:
    """Send what is due; returns how many mails left. Several processes may do it at once: each claims one at a time."""
    settings, left = config.current(), 0
    if not settings.smtp_url:
        return 0
    for _ in range(limit):
        claimed = _claim(1)
        if not claimed:
            break
        left += _deliver(settings, claimed[0])
    return left


def run(until: threading.Event) -> None:
    """Send what is due, several at once, until told to stop; then wait for those that are being sent."""
    senders = [threading.Thread(target=_keep_sending, args=(until,), name="mails", daemon=True) for _ in range(THREADS)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()


def _keep_sending(until: threading.Event) -> None:
    while not until.is_set():
        try:
            sent = deliver_due(1)
        except Exception as failure:
            logs.event("mail_courier_failed", level="error", error=type(failure).__name__)
            sent = 0
        if not sent:
            until.wait(TICK_SECONDS)


def next_due_at() -> int | None:
    """When the next mail wants to be sent, in epoch seconds."""
    with database.reading() as session:
        return session.scalar(
            select(Mail.next_attempt_at)
            .where(Mail.next_attempt_at.is_not(None))
            .order_by(Mail.next_attempt_at)
            .limit(1)
        )


def waiting() -> tuple[int, int]:
    """How many mails wait, and since when the oldest does (epoch seconds, 0 for none)."""
    with database.reading() as session:
        depth, oldest = session.execute(
            select(func.count(), func.min(Mail.created_at)).where(Mail.next_attempt_at.is_not(None))
        ).one()
    return int(depth), int(oldest or 0)


def recent(limit: int = 50) -> list[Mail]:
    """The last mails, newest first, for the demo's page."""
    with database.reading() as session:
        return list(
            session.scalars(
                select(Mail).where(Mail.recipient != "").order_by(Mail.created_at.desc(), Mail.id).limit(limit)
            )
        )


def place_of_text(mail_id: str) -> str:
    """To what the text of a mail is sealed that was given up."""
    return f"mails/body_sealed/{mail_id}"


def wake_after(session: Session) -> None:
    """Let this process send soon after a commit, unless it leaves that to the worker."""
    event.listen(session, "after_commit", lambda _session: _courier.wake(), once=True)


def in_background(on: bool) -> None:
    """Whether this process sends by itself after a commit; the tests and `worker` call `deliver_due` instead."""
    _courier.on = on


class _Courier:
    """A thread that lives as long as there is something to send, started by the first mail of a process."""

    def __init__(self) -> None:
        self.on = True
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        if not self.on:
            return
        with self._lock:
            self._news.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                deliver_due()
                due = next_due_at()
            except Exception as error:
                logs.event("mail_courier_failed", level="error", error=type(error).__name__)
                due = clock.now()
            with self._lock:
                if due is None and not self._news.is_set():
                    self._thread = None
                    return
            self._news.wait(POLL_SECONDS)


_courier = _Courier()


def _claim(limit: int) -> list[_Due]:
    now = clock.now()
    due = select(Mail.id).where(Mail.next_attempt_at <= now).order_by(Mail.next_attempt_at).limit(limit)
    with database.transaction() as session:
        rows = session.execute(
            update(Mail)
            .where(Mail.id.in_(database.free(due)))
            .values(next_attempt_at=now + LEASE_SECONDS, attempts=Mail.attempts + 1)
            .returning(Mail.id, Mail.recipient, Mail.subject, Mail.body, Mail.attempts),
            execution_options={"synchronize_session": False},
        ).all()
    return [_Due(*row) for row in rows]


def _deliver(settings: config.Settings, due: _Due) -> bool:
    if due.attempts > len(BACKOFF) + 1:
        _postpone(due, "whoever sent it ended in the midst of it, each time", for_ever=True)
        return False
    try:
        with leases.renewed(functools.partial(_renew, due), every=RENEW_SECONDS):
            _hand_over(settings, due)
    except mailer.Undeliverable as error:
        _postpone(due, str(error), for_ever=error.for_ever)
        return False
    except ValueError:
        _postpone(due, "not a mail that can be sent", for_ever=True)
        return False
    except Exception as fault:  # of ours: this mail waits for its next turn, and the others have theirs
        _postpone(due, type(fault).__name__, for_ever=False)
        return False
    kept = {} if settings.demo else {"body": ""}
    _write(due, next_attempt_at=None, sent_at=clock.now(), error="", **kept)
    metrics.MAILS.labels("sent").inc()
    logs.event("mail_sent", mail_id=due.id, attempts=due.attempts)
    return True


def _hand_over(settings: config.Settings, due: _Due) -> None:
    message = composed(settings, due.id, due.recipient, due.subject, due.body)
    mailer.deliver(settings, message, is_ours=functools.partial(_renew, due))


def composed(settings: config.Settings, mail_id: str, recipient: str, subject: str, body: str) -> EmailMessage:
    """A mail as it goes out: its text, and the same as HTML."""
    twin = as_html(settings, subject, body)
    return mailer.compose(settings, mail_id=mail_id, recipient=recipient, subject=subject, body=body, html=twin)


def source(mail: Mail) -> str:
    """A mail as it would go out, for the demo, which has nobody who sends it."""
    settings = config.current()
    sender = settings.mail_from or formataddr((settings.brand, f"no-reply@{urlsplit(settings.issuer).hostname}"))
    shown = dataclasses.replace(settings, mail_from=sender)
    return str(composed(shown, mail.id, mail.recipient, mail.subject, mail.body))


def as_html(settings: config.Settings, subject: str, body: str) -> str:
    """A mail's text laid out for readers that show HTML."""
    return mail_layout.html(subject, body, brand=settings.brand, issuer=settings.issuer, accent=settings.accent)


def _renew(due: _Due) -> bool:
    """Whether the mail is still ours: nobody has begun with it again."""
    return _write(due, next_attempt_at=clock.now() + LEASE_SECONDS)


def _postpone(due: _Due, why: str, *, for_ever: bool) -> None:
    given_up = for_ever or due.attempts > len(BACKOFF)
    metrics.MAILS.labels("given_up" if given_up else "failed").inc()
    logs.event("mail_failed", level="error" if given_up else "warning", mail_id=due.id, error=why, given_up=given_up)
    if given_up:
        sealed = sealing.seal(keyring.sealing_key(), due.body.encode(), place_of_text(due.id))
        _write(due, next_attempt_at=None, error=why[:200], body="", body_sealed=sealed)
    else:
        _write(due, next_attempt_at=clock.now() + BACKOFF[due.attempts - 1], error=why[:200])


def _write(due: _Due, **values: Any) -> bool:
    """Write to a mail, unless somebody else has begun with it meanwhile."""
    ours = Mail.id == due.id, Mail.attempts == due.attempts, Mail.next_attempt_at.is_not(None)
    with database.writing() as connection:
        return connection.execute(update(Mail).where(*ours).values(**values)).rowcount == 1
