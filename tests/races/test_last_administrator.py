"""The last administrator stays, whoever asks and however many at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from authserver.domain.people import users
from authserver.errors import Conflict
from tests.conftest import Person
from tests.support import parallel

WAYS: dict[str, Callable[[str], None]] = {
    "disabled": users.disable,
    "demoted": lambda user_id: users.set_role(user_id, "user"),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_last_one_is_not_stopped(ada: Person, alice: Person, way: str) -> None:
    with pytest.raises(Conflict, match="last administrator"):
        WAYS[way](ada.id)
    users.set_role(alice.id, "admin")
    WAYS[way](ada.id)
    with pytest.raises(Conflict):
        WAYS[way](alice.id)
    assert users.get(alice.id).is_admin and users.get(alice.id).disabled_at is None


@pytest.mark.parametrize("way", WAYS)
def test_of_two_who_stop_each_other_at_once_one_stays(ada: Person, alice: Person, way: str) -> None:
    for _ in range(5):
        for each in (ada, alice):
            users.enable(each.id)
            users.set_role(each.id, "admin")

        def stop(number: int) -> int:
            try:
                WAYS[way]((ada, alice)[number].id)
            except Conflict:
                return 0
            return 1

        assert sum(parallel.together(2, stop)) == 1
        acting = [each for each in (users.get(ada.id), users.get(alice.id)) if each.is_admin and not each.disabled_at]
        assert len(acting) == 1
