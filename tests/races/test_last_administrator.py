"""The last administrator stays, whoever asks and however many at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.people import departures, living, users
from authserver.errors import Conflict
from tests.conftest import Person
from tests.support import parallel

WAYS: dict[str, Callable[[str], object]] = {
    "disabled": users.disable,
    "demoted": lambda user_id: users.set_role(user_id, "user"),
    "deleted": lambda user_id: departures.delete(user_id),
}


def acts(user_id: str) -> bool:
    user = users.get(user_id)
    return user.is_admin and user.disabled_at is None


def make_acting(user_id: str) -> None:
    """An administrator who can sign in, whatever happened to them."""
    if users.get(user_id).deleted_at is not None:
        departures.restore(user_id)
    users.enable(user_id)
    users.set_role(user_id, "admin")


@pytest.mark.parametrize("way", WAYS)
def test_the_last_one_is_not_stopped(ada: Person, alice: Person, way: str) -> None:
    with pytest.raises(Conflict, match="last administrator"):
        WAYS[way](ada.id)
    users.set_role(alice.id, "admin")
    WAYS[way](ada.id)
    with pytest.raises(Conflict):
        WAYS[way](alice.id)
    assert acts(alice.id)


@pytest.mark.parametrize("way", WAYS)
def test_of_two_who_stop_each_other_at_once_one_stays(ada: Person, alice: Person, way: str) -> None:
    for _ in range(5):
        for each in (ada, alice):
            make_acting(each.id)

        def stop(number: int) -> int:
            try:
                WAYS[way]((ada, alice)[number].id)
            except Conflict:
                return 0
            return 1

        assert sum(parallel.together(2, stop)) == 1
        assert [acts(ada.id), acts(alice.id)].count(True) == 1


def test_of_three_ways_at_once_one_administrator_stays(ada: Person, alice: Person) -> None:
    """Also when the doors are different ones."""
    for first in WAYS:
        for second in WAYS:
            for each in (ada, alice):
                make_acting(each.id)

            def stop(number: int, ways: tuple[str, str] = (first, second)) -> int:
                try:
                    WAYS[ways[number]]((ada, alice)[number].id)
                except Conflict:
                    return 0
                return 1

            assert sum(parallel.together(2, stop)) == 1


def noted(order: list[str], name: str, verb: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        order.append(name)
        return verb(*args)

    return run


@pytest.mark.parametrize("asked", [{"role": "admin", "disabled": True}, {"disabled": True}, {"role": "user"}])
def test_a_change_of_a_person_locks_all_administrators_before_that_person(
    app: Flask, ada: Person, alice: Person, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    users.set_role(alice.id, "admin")
    key = api_keys.create(ada.user, Wish("Admin", "full_access"))[1]
    order: list[str] = []
    for module, name in ((users, "_locked_administrators"), (living, "locked")):
        monkeypatch.setattr(module, name, noted(order, name, getattr(module, name)))
    sent = app.test_client().patch(f"/v1/users/{alice.id}", json=asked, headers={"Authorization": f"Bearer {key}"})
    assert sent.status_code == 200 and {"_locked_administrators", "locked"} <= set(order)
    assert order[0] == "_locked_administrators"
