"""Handing one mail to an SMTP server, over verified TLS."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from authserver.config import LOOPBACK_HOSTS, Settings
from authserver.lib import emails

TIMEOUT_SECONDS = 10
# Once it has the text a server may take its time (RFC 5321 section 4.5.3.2.6): who gives up earlier sends it twice.
ACCEPT_SECONDS = 600
LEAVE_SECONDS = 1


class _TakenOver(smtplib.SMTPException):
    """Another has begun with the mail meanwhile."""


class _Patient(smtplib.SMTP):
    """Asks before it gives the text away, and waits for the answer to that longer than for anything else."""

    is_ours: Callable[[], bool] = staticmethod(lambda: True)

    def data(self, msg: Any) -> tuple[int, bytes]:
        if not self.is_ours():
            raise _TakenOver
        if self.sock is not None:
            self.sock.settimeout(ACCEPT_SECONDS)
        return super().data(msg)


class _PatientOverTls(_Patient, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


class Undeliverable(Exception):
    """The mail was not taken; `for_ever` when trying again can't help. The text holds no address and no secret."""

    def __init__(self, text: str, *, for_ever: bool = False) -> None:
        super().__init__(text)
        self.for_ever = for_ever


def compose(
    settings: Settings, *, mail_id: str, recipient: str, subject: str, body: str, html: str = ""
) -> EmailMessage:
    """A message in plain text and HTML; raises ValueError where a header would hold a line break (trap 1.3.11)."""
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = emails.deliverable(recipient)
    message["Subject"] = subject
    message["Date"] = formatdate(usegmt=True)
    domain = parseaddr(settings.mail_from)[1].rpartition("@")[2] or "localhost"
    message["Message-ID"] = f"<{mail_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def deliver(settings: Settings, message: EmailMessage, *, is_ours: Callable[[], bool] = lambda: True) -> None:
    """Send through `smtp_url`; raises Undeliverable. `smtp://` demands STARTTLS unless the server is this machine.

    `is_ours` is asked last before the text is given away: who stood still until another took over sends nothing.
    """
    url = urlsplit(settings.smtp_url)
    try:
        server = _connect(url, ssl.create_default_context(cafile=settings.outbound_ca or None))
        server.is_ours = is_ours
        try:
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(message)
        finally:
            _leave(server)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise Undeliverable(f"recipient refused ({codes[0]})", for_ever=all(code >= 500 for code in codes)) from None
    except smtplib.SMTPResponseException as error:
        raise Undeliverable(f"{type(error).__name__} ({error.smtp_code})") from None
    except (smtplib.SMTPException, OSError) as error:
        raise Undeliverable(type(error).__name__) from None


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye. Whatever comes of that, a mail that was taken is not sent again."""
    with contextlib.suppress(smtplib.SMTPException, OSError):
        if server.sock is not None:
            server.sock.settimeout(LEAVE_SECONDS)
        server.quit()
    server.close()


def _connect(url: SplitResult, context: ssl.SSLContext) -> _Patient:
    host = url.hostname or ""
    if url.scheme == "smtps":
        return _PatientOverTls(host, url.port or 465, timeout=TIMEOUT_SECONDS, context=context)
    server = _Patient(host, url.port or 587, timeout=TIMEOUT_SECONDS)
    try:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        elif host not in LOOPBACK_HOSTS:
            raise smtplib.SMTPNotSupportedError("the server offers no STARTTLS")
    except BaseException:
        server.close()
        raise
    return server
