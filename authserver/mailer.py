"""Handing one mail to an SMTP server, over verified TLS."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from urllib.parse import SplitResult, unquote, urlsplit

from authserver.config import LOOPBACK_HOSTS, Settings
from authserver.lib import emails

TIMEOUT_SECONDS = 10


class Undeliverable(Exception):
    """The mail was not taken; `for_ever` when trying again can't help. The text holds no address and no secret."""

    def __init__(self, text: str, *, for_ever: bool = False) -> None:
        super().__init__(text)
        self.for_ever = for_ever


def compose(settings: Settings, *, mail_id: str, recipient: str, subject: str, body: str) -> EmailMessage:
    """A plain-text message; raises ValueError where a header would hold a line break (trap 1.3.11)."""
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = emails.deliverable(recipient)
    message["Subject"] = subject
    message["Date"] = formatdate(usegmt=True)
    domain = parseaddr(settings.mail_from)[1].rpartition("@")[2] or "localhost"
    message["Message-ID"] = f"<{mail_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    return message


def deliver(settings: Settings, message: EmailMessage) -> None:
    """Send through `smtp_url`; raises Undeliverable. `smtp://` demands STARTTLS unless the server is this machine."""
    url = urlsplit(settings.smtp_url)
    try:
        with _connect(url, ssl.create_default_context(cafile=settings.outbound_ca or None)) as server:
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise Undeliverable(f"recipient refused ({codes[0]})", for_ever=all(code >= 500 for code in codes)) from None
    except smtplib.SMTPResponseException as error:
        raise Undeliverable(f"{type(error).__name__} ({error.smtp_code})") from None
    except (smtplib.SMTPException, OSError) as error:
        raise Undeliverable(type(error).__name__) from None


def _connect(url: SplitResult, context: ssl.SSLContext) -> smtplib.SMTP:
    host = url.hostname or ""
    if url.scheme == "smtps":
        return smtplib.SMTP_SSL(host, url.port or 465, timeout=TIMEOUT_SECONDS, context=context)
    server = smtplib.SMTP(host, url.port or 587, timeout=TIMEOUT_SECONDS)
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
