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
