"""Changes of people at the same instant: none waits for the other in a circle, and each is whole."""

from __future__ import annotations

from authserver import database
from authserver.domain.people import names, users
from authserver.domain.record import audit
from authserver.errors import Conflict
from tests.conftest import Person
from tests.support import parallel

ROUNDS = 6


def test_whole_changes_of_two_administrators_wait_in_no_circle(ada: Person, alice: Person, bob: Person) -> None:
    """Role, username and names in one transaction each, while somebody else changes roles and names alone."""
    for number in range(ROUNDS):
        for each in (ada, alice, bob):
            users.set_role(each.id, "admin")

        def change(which: int, number: int = number) -> None:
            person = (ada, alice, ada, alice)[which]
            role = "user" if which < 2 else "admin"
            with database.together():
                users.set_role(person.id, role)
                names.set_username(person.id, f"name-{number}-{which}")
                names.rename(person.id, f"Name {number} {which}")

        parallel.together(4, change)
        for person in (ada, alice):
            row = users.get(person.id)
            assert row.username.removeprefix("name-") == row.name.removeprefix("Name ").replace(" ", "-")
    assert audit.verify().sound


def test_of_two_who_take_one_username_one_gets_it_and_the_other_keeps_everything(alice: Person, bob: Person) -> None:
    for number in range(ROUNDS):
        before = {person.id: users.get(person.id).name for person in (alice, bob)}

        def take(which: int, number: int = number) -> bool:
            try:
                with database.together():
                    names.rename((alice, bob)[which].id, f"Taken {number} {which}")
                    names.set_username((alice, bob)[which].id, f"wanted-{number}")
            except Conflict:
                return False
            return True

        got = parallel.together(2, take)
        assert sorted(got) == [False, True]
        loser = (alice, bob)[got.index(False)]
        assert users.get(loser.id).name == before[loser.id]
