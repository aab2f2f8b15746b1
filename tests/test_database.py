"""Transactions of several verbs that are one: all of it is written, or nothing."""

from __future__ import annotations

import pytest

from authserver import database
from authserver.domain.people import names, users
from authserver.domain.record import audit
from authserver.errors import Conflict
from tests.conftest import Person


def called(person: Person) -> tuple[str, str]:
    row = users.get(person.id)
    return row.username, row.name


def test_what_is_written_together_is_there_together(alice: Person) -> None:
    with database.together():
        names.set_username(alice.id, "anna")
        names.rename(alice.id, "Anna")
        assert called(alice) == ("anna", "Anna")
    assert called(alice) == ("anna", "Anna")
    assert [each.data["changed"] for each in audit.page(limit=2)[0]] == [["name"], ["username"]]
    assert audit.verify().sound


@pytest.mark.parametrize("end", [KeyboardInterrupt, ValueError])
def test_an_end_in_the_middle_leaves_everything_as_it_was(alice: Person, end: type[BaseException]) -> None:
    before, events = called(alice), audit.page()[1]
    with pytest.raises(end), database.together():
        names.set_username(alice.id, "anna")
        names.rename(alice.id, "Anna")
        raise end
    assert (called(alice), audit.page()[1]) == (before, events)
    assert audit.verify().sound


def test_a_refusal_of_a_part_refuses_the_whole(alice: Person, bob: Person) -> None:
    before = called(alice)
    with pytest.raises(Conflict), database.together():
        names.rename(alice.id, "Anna")
        names.set_username(alice.id, users.get(bob.id).username)
    assert called(alice) == before


def test_a_part_that_failed_and_was_caught_is_not_passed_over(alice: Person, bob: Person) -> None:
    before = called(alice)
    with pytest.raises(RuntimeError, match="was caught"), database.together():
        names.rename(alice.id, "Anna")
        with pytest.raises(Conflict):
            names.set_username(alice.id, users.get(bob.id).username)
    assert called(alice) == before


def test_a_rehearsal_of_several_keeps_nothing(alice: Person) -> None:
    before, events = called(alice), audit.page()[1]
    with database.rehearsal(), database.together():
        names.set_username(alice.id, "anna")
        names.rename(alice.id, "Anna")
    assert (called(alice), audit.page()[1]) == (before, events)


def test_one_within_another_is_part_of_it(alice: Person) -> None:
    before = called(alice)
    with pytest.raises(ValueError, match="outer"), database.together():
        with database.together():
            names.rename(alice.id, "Anna")
        raise ValueError("outer")
    assert called(alice) == before
