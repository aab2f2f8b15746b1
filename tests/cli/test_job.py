"""authserver job: what was given up, from the shell."""

from __future__ import annotations

import json

from authserver import database
from authserver.models import Mail
from tests.cli.conftest import Command
from tests.support import given_up


def test_a_mail_that_was_given_up_is_listed_and_tried_again(command: Command) -> None:
    given_up.mail("mailX")
    (job,) = json.loads(command("job", "list", "--json")[1])
    assert (job["id"], job["kind"], job["error"]) == ("mailX", "mail", "SMTPDataError (554)")
    assert command("job", "retry", "mailX")[0] == 0
    assert command("job", "list")[1].strip() == "Nothing was given up."
    with database.reading() as session:
        row = session.get_one(Mail, "mailX")
    assert (row.attempts, row.body) == (0, "text")
    assert row.next_attempt_at is not None


def test_what_is_not_there_cannot_be_tried_again(command: Command) -> None:
    assert [command("job", "retry", id)[0] for id in ("mailY", "lgnY", "x")] == [3, 3, 3]


def test_doctor_has_a_row_of_what_was_given_up_and_where_to_try_it_again(command: Command) -> None:
    def row() -> dict[str, str]:
        return next(each for each in json.loads(command("doctor", "--json")[1]) if each["check"] == "set aside")

    assert row()["state"] == "ok"
    given_up.mail("mailX")
    given_up.mail("mailY")
    assert (row()["state"], row()["text"]) == ("warn", "given up: 2 mails")
    assert row()["remedy"].startswith("authserver job list, or http") and row()["remedy"].endswith("/admin/set-aside")
