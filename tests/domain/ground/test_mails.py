"""Mails: committed with their cause, delivered over verified TLS, tried again, emptied once they left."""

from __future__ import annotations

import dataclasses
import ssl
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from typing import Any

import pytest
import time_machine
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from flask import Flask
from sqlalchemy import select, text

from authserver import config, database, mailer
from authserver.config import Settings
from authserver.domain.ground import mail_texts, mails, mails_given_up
from authserver.domain.people import links
from authserver.domain.running import set_aside
from authserver.errors import NotFound
from authserver.models import Mail
from tests.conftest import Person

FROM = "Kaie <no-reply@auth.example.test>"


class Mailbox:
    """A real SMTP server's handler: keeps what it takes, refuses what it is told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], Message]] = []
        self.answer = "250 OK"
        self.logins: list[Any] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.taken.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=default)))
        return self.answer

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _mech: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=True)


class Plain(Controller):
    """A server without TLS, on a port the system chooses."""

    def _trigger_server(self) -> None:
        # The parent connects to the port it was told, which is 0 here.
        self.port = self.server.sockets[0].getsockname()[1] if self.server else self.port
        super()._trigger_server()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def server(mailbox: Mailbox) -> Iterator[Plain]:
    controller = Plain(mailbox, hostname="127.0.0.1", port=0)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture(autouse=True)
def _by_hand() -> Iterator[None]:
    mails.in_background(False)
    yield
    mails.in_background(True)


@pytest.fixture
def overrides(server: Plain) -> dict[str, Any]:
    return {"smtp_url": f"smtp://127.0.0.1:{server.port}", "mail_from": FROM}


def write(to: str = "alice@example.test", name: str = "Alice") -> None:
    with database.transaction() as session:
        mails.send(
            session, to, "password_reset", whose="usr1", name=name, link="https://x.test/l", ip="192.0.2.1", minutes=30
        )


def plain(message: Message) -> str:
    """The text of a mail that has it as HTML, too."""
    assert isinstance(message, EmailMessage)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return str(text.get_content())


def rows() -> list[Mail]:
    with database.reading() as session:
        return list(session.scalars(select(Mail).order_by(Mail.created_at)))


def test_a_mail_arrives_and_its_row_is_emptied(app: Flask, mailbox: Mailbox) -> None:
    write()
    assert mails.deliver_due() == 1
    ((recipients, message),) = mailbox.taken
    assert recipients == ["alice@example.test"]
    assert (message["From"], message["To"]) == (FROM, "alice@example.test")
    assert message["Subject"] == "Reset your Kaie password"
    assert message["Message-ID"].endswith("@auth.example.test>")
    assert "https://x.test/l" in plain(message)
    (row,) = rows()
    assert (row.body, row.next_attempt_at, row.attempts) == ("", None, 1)
    assert row.sent_at is not None
    assert mails.deliver_due() == 0


def test_a_cause_that_is_rolled_back_sends_nothing(app: Flask, mailbox: Mailbox) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        mails.send(session, "alice@example.test", "sign_up_taken", whose="usr1")
        raise ZeroDivisionError
    assert mails.deliver_due() == 0
    assert mailbox.taken == []


def test_a_server_that_does_not_take_it_is_tried_again_later_each_time_and_not_for_ever(
    app: Flask, mailbox: Mailbox
) -> None:
    mailbox.answer = "451 later"
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        write()
        for wait in (*mails.BACKOFF, 0):
            assert mails.deliver_due() == 0
            assert mails.deliver_due() == 0  # not due again yet
            clock.shift(wait)
    (row,) = rows()
    assert (row.attempts, row.next_attempt_at, row.sent_at, row.body) == (6, None, None, "")
    assert row.error == "SMTPDataError (451)"


def test_one_that_was_given_up_is_seen_and_sent_again(app: Flask, mailbox: Mailbox) -> None:
    mailbox.answer = "451 later"
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        write()
        for wait in (*mails.BACKOFF, 0):
            mails.deliver_due()
            clock.shift(wait)
        (job,) = set_aside.jobs()
        assert (job.kind, job.to, job.attempts, job.error) == ("mail", "alice@example.test", 6, "SMTPDataError (451)")
        mailbox.answer = "250 OK"
        set_aside.try_again(job.id)
        assert mails.deliver_due() == 1
    assert "https://x.test/l" in str(mailbox.taken[0][1])
    assert set_aside.jobs() == []
    with pytest.raises(NotFound):
        set_aside.try_again(job.id)


def test_its_text_is_forgotten_after_three_days(app: Flask, mailbox: Mailbox) -> None:
    mailbox.answer = "550 never"
    write()
    with time_machine.travel(time.time() + 40_000) as clock:
        for _ in range(7):
            mails.deliver_due()
            clock.shift(25_000)
        assert set_aside.counts()["mail"] == 1
        clock.shift(mails_given_up.KEPT_SECONDS)
        mails_given_up.forget_texts()
    assert set_aside.counts()["mail"] == 0


def test_one_that_ends_its_sender_each_time_is_set_aside(app: Flask, mailbox: Mailbox) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        write()
        for _ in range(len(mails.BACKOFF) + 1):
            assert len(mails._claim(1)) == 1  # and killed
            clock.shift(mails.LEASE_SECONDS)
        assert mails.deliver_due() == 0
        assert mailbox.taken == []
        assert set_aside.counts()["mail"] == 1


def test_a_fault_of_ours_with_one_mail_keeps_no_other_back(
    app: Flask, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = mailer.compose
    monkeypatch.setattr(
        mailer, "compose", lambda settings, **mail: 1 / 0 if "bob" in mail["recipient"] else whole(settings, **mail)
    )
    write("bob@example.test")
    write()
    assert mails.deliver_due() == 1
    assert sorted(row.error for row in rows()) == ["", "ZeroDivisionError"]


def test_whoever_lost_its_lease_writes_nothing_over_what_another_did(app: Flask, mailbox: Mailbox) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        write()
        (late,) = mails._claim(1)
        clock.shift(mails.LEASE_SECONDS)
        assert mails.deliver_due() == 1
        assert not mails._renew(late)
        mails._postpone(late, "late", for_ever=False)
    assert (rows()[0].next_attempt_at, rows()[0].error) == (None, "")


def test_a_mail_that_failed_once_arrives_in_the_end(app: Flask, mailbox: Mailbox) -> None:
    mailbox.answer = "451 later"
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        write()
        mails.deliver_due()
        mailbox.answer = "250 OK"
        clock.shift(mails.BACKOFF[0])
        assert mails.deliver_due() == 1
    assert len(mailbox.taken) == 1
    assert rows()[0].error == ""


def test_two_deliverers_send_a_mail_once(app: Flask, mailbox: Mailbox) -> None:
    write()
    claimed = mails._claim(20)
    assert mails.deliver_due() == 0
    assert len(claimed) == 1


def test_no_more_mails_are_taken_than_was_asked_for_whatever_the_planner_believes(app: Flask) -> None:
    write()
    with database.autocommit() as connection:
        connection.execute(text("ANALYZE"))  # so that it believes in one row, as it does on a young installation
    for _ in range(5):
        write()
    assert len(mails._claim(2)) == 2


def test_a_deliverer_that_died_leaves_its_mail_to_the_next(app: Flask, mailbox: Mailbox) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        write()
        mails._claim(20)
        clock.shift(mails.LEASE_SECONDS)
        assert mails.deliver_due() == 1


@pytest.mark.parametrize(
    "name", ["Alice\r\nBcc: mallory@example.test", "Alice\nSubject: forged", "Alice\x0bX: y", "Alice\u2028\u0085X: y"]
)
def test_a_name_forges_no_header_and_no_line(app: Flask, mailbox: Mailbox, name: str) -> None:
    write(name=name)
    mails.deliver_due()
    ((recipients, message),) = mailbox.taken
    assert recipients == ["alice@example.test"]
    assert "Bcc" not in message
    assert message.get_all("Subject") == ["Reset your Kaie password"]
    first_line = plain(message).splitlines()[0]
    assert first_line.startswith("Hello Alice")
    assert first_line.endswith(",")


@pytest.mark.parametrize("member", ["recipient", "subject"])
def test_a_header_with_a_line_break_is_never_sent(app: Flask, settings: Settings, member: str) -> None:
    values = {"mail_id": "mail1", "recipient": "alice@example.test", "subject": "Hello", "body": ""}
    with pytest.raises(ValueError, match=r"linefeed|header"):
        mailer.compose(settings, **(values | {member: "a@b.test\r\nBcc: mallory@example.test"}))


def test_a_forged_row_is_given_up_at_once(app: Flask, mailbox: Mailbox) -> None:
    with database.transaction() as session:
        session.add(
            Mail(id="m", recipient="a@b.test\nBcc: x@y.test", subject="s", body="b", created_at=0, next_attempt_at=0)
        )
    assert mails.deliver_due() == 0
    assert mailbox.taken == []
    assert rows()[0].next_attempt_at is None


def test_a_reset_request_reaches_the_mailbox_and_nobody_else(alice: Person, mailbox: Mailbox) -> None:
    links.request_reset("ALICE@example.test")
    links.request_reset("nobody@example.test")
    mails.deliver_due()
    ((recipients, message),) = mailbox.taken
    assert recipients == [alice.email]
    assert "http://localhost:8000/password/reset/" in plain(message)


class TestTls:
    """Encryption is verified, or the mail stays."""

    @pytest.fixture
    def server(self, mailbox: Mailbox, authority: trustme.CA) -> Iterator[Plain]:
        controller = Plain(
            mailbox,
            hostname="127.0.0.1",
            port=0,
            tls_context=tls(authority),
            require_starttls=True,
            auth_required=True,
            authenticator=mailbox.authenticate,
        )
        controller.start()
        yield controller
        controller.stop()

    @pytest.fixture
    def overrides(self, server: Plain, authority: trustme.CA, tmp_path: Any) -> dict[str, Any]:
        bundle = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(bundle)
        url = f"smtp://mailer:p%40ss%2Fword@localhost:{server.port}"
        return {"smtp_url": url, "mail_from": FROM, "outbound_ca": str(bundle)}

    def test_starttls_comes_before_the_password(self, app: Flask, mailbox: Mailbox) -> None:
        write()
        assert mails.deliver_due() == 1
        assert mailbox.logins == [(b"mailer", b"p@ss/word")]

    def test_a_certificate_nobody_vouches_for_is_not_trusted(
        self, app: Flask, settings: Settings, mailbox: Mailbox, tmp_path: Any
    ) -> None:
        other = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(other)
        with config.using(dataclasses.replace(settings, outbound_ca=str(other))):
            write()
            assert mails.deliver_due() == 0
        assert (mailbox.taken, mailbox.logins) == ([], [])
        assert rows()[0].error == "SSLCertVerificationError"

    def test_a_certificate_for_another_name_is_not_trusted(
        self, app: Flask, settings: Settings, mailbox: Mailbox, server: Plain
    ) -> None:
        with config.using(dataclasses.replace(settings, smtp_url=f"smtp://127.0.0.1:{server.port}")):
            write()
            assert mails.deliver_due() == 0
        assert mailbox.taken == []


def test_without_starttls_only_this_machine_is_spoken_to(app: Flask, server: Plain, settings: Settings) -> None:
    message = mailer.compose(settings, mail_id="m", recipient="alice@example.test", subject="s", body="b")
    elsewhere = dataclasses.replace(settings, smtp_url=f"smtp://127.0.0.2:{server.port}")
    with pytest.raises(mailer.Undeliverable):
        mailer.deliver(elsewhere, message)


class TestDemo:
    """The demo's rows are its mails."""

    @pytest.fixture
    def overrides(self) -> dict[str, Any]:
        return {"demo": True}

    def test_a_mail_is_shown_and_never_waits(self, app: Flask) -> None:
        write()
        (mail,) = mails.recent()
        assert mail.next_attempt_at is None
        assert "https://x.test/l" in mail.body

    def test_work_done_for_nobody_is_not_shown(self, app: Flask) -> None:
        links.request_reset("nobody@example.test")
        assert mails.recent() == []


class TestSilent:
    """Without a way to deliver nothing is written."""

    @pytest.fixture
    def overrides(self) -> dict[str, Any]:
        return {}

    def test_no_row(self, app: Flask) -> None:
        write()
        assert rows() == []


def test_the_courier_sends_by_itself_after_the_commit(app: Flask, mailbox: Mailbox) -> None:
    mails.in_background(True)
    write()
    thread = mails._courier._thread
    if thread:
        thread.join(10)
    assert len(mailbox.taken) == 1


def test_what_a_stranger_called_an_app_is_no_link_in_our_mail(app: Flask) -> None:
    name = "Verify at https://evil.example/x or mail me@evil.example"
    values = {"name": "Bob", "app": name, "until": 1, "client_id": "cl_1"}
    subject, body = mail_texts.render("app_offered", **values)
    told = "Verify at https[://]evil[.]example/x or mail me[@]evil[.]example"
    assert told in subject and f"App: {told}" in body
    assert "1.2 of Acme" in mail_texts.render("app_offered", **{**values, "app": "1.2 of Acme"})[0]
