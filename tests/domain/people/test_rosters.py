"""Rosters: people in and out as CSV; nothing happens before every line was judged."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from authserver import database
from authserver.domain.people import departures, rosters, users
from authserver.errors import Invalid
from authserver.models import AuditEvent, Mail
from tests.conftest import Person

FILE = """email,name,given_name,family_name,username,role,email_verified
carol@example.test,,Carol,Reed,,developer,true
dan@example.test,Dan the Man,,,dan.m,,
"""


def take(text: str, **how: Any) -> list[rosters.Taken]:
    return list(rosters.take(rosters.read(text), **how))


def problems(text: str, **how: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        take(text, **how)
    return refused.value.problems or {"": refused.value.public}


def everybody() -> dict[str, Any]:
    found, _ = users.page(limit=100)
    return {user.email: user for user in found}


@pytest.mark.usefixtures("app")
def test_new_people_are_invited_each_with_a_link_of_their_own() -> None:
    made = take(FILE)
    assert [(each.number, each.email, each.result) for each in made] == [
        (2, "carol@example.test", "created"), (3, "dan@example.test", "created"),
    ]  # fmt: skip
    assert all("/welcome/" in each.link for each in made) and made[0].link != made[1].link
    carol, dan = everybody()["carol@example.test"], everybody()["dan@example.test"]
    assert (carol.name, carol.role, users.state(carol)) == ("Carol Reed", "developer", "invited")
    assert carol.email_verified_at is not None and dan.email_verified_at is None
    assert (dan.name, dan.username, dan.role) == ("Dan the Man", "dan.m", "user")


@pytest.mark.usefixtures("app")
def test_the_same_file_again_changes_nothing_and_writes_no_event() -> None:
    take(FILE)
    with database.reading() as session:
        before = len(session.scalars(select(AuditEvent.seq)).all())
    assert [each.result for each in take(FILE)] == ["unchanged", "unchanged"]
    with database.reading() as session:
        assert len(session.scalars(select(AuditEvent.seq)).all()) == before


def test_who_is_there_is_changed_by_what_the_line_fills_in(alice: Person) -> None:
    (done,) = take(f"email,role,name\n{alice.email.upper()},developer,\n")
    assert (done.result, done.link) == ("changed", "")
    user = users.get(alice.id)
    assert (user.role, user.name, user.email) == ("developer", "Alice Martin", alice.email)


@pytest.mark.usefixtures("app")
def test_what_was_written_out_is_read_in_again_as_it_was(alice: Person, ada: Person) -> None:
    users.create(
        "evil@example.test", name='=HYPERLINK("http://evil.test")', given_name="+1", family_name='\'quoted, "x"'
    )
    text = "".join(rosters.written(everybody().values()))
    assert "\n=HYPERLINK" not in text and ",=HYPERLINK" not in text and "'=HYPERLINK" in text
    assert {each.result for each in take(text)} == {"unchanged"}


def test_nothing_that_opens_an_account_is_written_out(alice: Person) -> None:
    text = "".join(rosters.written(everybody().values()))
    assert alice.email in text
    assert "$argon2" not in text and str(alice.user.password_hash) not in text and "/welcome/" not in text


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nobody", "email"),
        (",No Address", "email"),
        ("eve@example.test,,,,,root", "user, developer or admin"),
        ("eve@example.test,,,,Root Of All,", "username"),
        ("eve@example.test,,,,admin,", "reserved"),
        ("eve@example.test,,,,,,perhaps", "true or false"),
        ("eve@example.test," + "x" * 201, "200 characters"),
        ("CAROL@example.test", "Line 2 has the same email"),
        ("eve@example.test,,,,,,,more", "more cells"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.usefixtures("app")
def test_one_wrong_line_is_named_and_nothing_is_imported(line: str, says: str, dry_run: bool) -> None:
    found = problems(FILE + line + "\n", dry_run=dry_run)
    assert list(found) == ["line 4"] and says in found["line 4"]
    assert not everybody()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "first line names the columns"),
        ("name,role\nCarol,user\n", "email is one of them"),
        ("email,password\na@b.test,secret\n", "There is no column password"),
        ("email,email\na@b.test,c@d.test\n", "twice"),
        ('email,name\na@b.test,"open\n', "no CSV"),
        ("email\n" + "".join(f"p{number}@b.test\n" for number in range(rosters.MAX_LINES + 1)), "at most 10,000"),
    ],
)
@pytest.mark.usefixtures("app")
def test_a_file_that_is_none_is_refused_with_what_is_needed(text: str, says: str) -> None:
    assert says in next(iter(problems(text).values()))


@pytest.mark.usefixtures("app")
def test_a_mark_of_byte_order_and_other_line_ends_are_no_mistake() -> None:
    assert [each.result for each in take("\ufeffEmail , Name\r\ncarol@example.test,Carol\r\n\r\n")] == ["created"]


def test_the_username_of_somebody_else_and_a_deleted_person_are_told(alice: Person, bob: Person) -> None:
    departures.delete(bob.id)
    text = f"email,username,name\neve@example.test,{alice.user.username},\n{bob.email},,Back\n"
    found = problems(text)
    assert "somebody else" in found["line 2"] and set(found) == {"line 2", "line 3"}


def test_the_last_administrator_stays_one(ada: Person) -> None:
    assert "last administrator" in problems(f"email,role\n{ada.email},user\n")["line 2"]
    assert users.get(ada.id).is_admin


@pytest.mark.usefixtures("app")
def test_a_dry_run_says_the_same_and_makes_nothing() -> None:
    assert [(each.result, each.link) for each in take(FILE, dry_run=True)] == [("created", ""), ("created", "")]
    assert not everybody()


@pytest.mark.parametrize("overrides", [{"smtp_url": "smtp://127.0.0.1:1"}])
@pytest.mark.usefixtures("app")
def test_links_go_to_their_people_by_mail_and_to_nobody_else() -> None:
    made = take(FILE, by_mail=True)
    assert [each.link for each in made] == ["", ""]
    with database.reading() as session:
        mails = {mail.recipient: mail.body for mail in session.scalars(select(Mail))}
    assert set(mails) == {"carol@example.test", "dan@example.test"}
    assert all("/welcome/" in body for body in mails.values())


@pytest.mark.usefixtures("app")
def test_without_a_way_to_mail_nobody_is_invited_by_one() -> None:
    assert "smtp_url" in problems(FILE, by_mail=True)["line 2"]
    assert not everybody()
