"""Parts of lists by keyset: nothing twice, nothing missed, and cursors that are good for one list alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, or_, select

from authserver import config, database
from authserver.domain.ground import lists
from authserver.domain.ground.lists import BadCursor, Part, Rows
from authserver.models import DemoWorkflow

BY = (DemoWorkflow.created_at, DemoWorkflow.id)


def make(count: int, owner: str = "alice", *, at: int | None = None) -> None:
    """Workflows, three to a second: `at` puts them all into one."""
    rows = [
        {"id": f"{owner}{number:05}", "owner": owner, "name": "w", "created_at": at or number // 3, "updated_at": 0}
        for number in range(count)
    ]
    with database.transaction() as session:
        session.execute(insert(DemoWorkflow), rows)


def read(*owners: str, name: str = "workflows", **part: Any) -> tuple[Rows[DemoWorkflow], int]:
    wanted = select(DemoWorkflow).where(DemoWorkflow.owner.in_(owners or ("alice",)))
    with database.reading() as session:
        return lists.read(session, wanted, by=BY, name=name, part=Part(**part))


def ids(rows: Rows[DemoWorkflow]) -> list[str]:
    return [row.id for row in rows]


def newest_first(count: int) -> list[str]:
    return [f"alice{number:05}" for number in reversed(range(count))]


def test_following_next_shows_every_row_once(app: Flask) -> None:
    make(11)
    part, seen, firsts = read(limit=4)[0], [], []
    while True:
        seen += ids(part)
        firsts.append(part.first)
        if not part.next:
            break
        part = read(limit=4, after=part.next)[0]
    assert (seen, firsts) == (newest_first(11), [1, 5, 9])


def test_previous_leads_back_the_same_way(app: Flask) -> None:
    make(11)
    first = read(limit=4)[0]
    second = read(limit=4, after=first.next)[0]
    third = read(limit=4, after=second.next)[0]
    assert third.next == "" and first.previous == ""
    back = read(limit=4, before=third.previous)[0]
    assert (ids(back), back.first) == (ids(second), 5)
    again = read(limit=4, before=back.previous)[0]
    assert (ids(again), again.first, again.previous) == (ids(first), 1, "")
    assert ids(read(limit=4, after=again.next)[0]) == ids(second)


def test_what_is_added_or_goes_meanwhile_moves_nothing(app: Flask) -> None:
    make(9)
    first = read(limit=4)[0]
    with database.transaction() as session:
        session.delete(session.get_one(DemoWorkflow, ids(first)[-1]))
    make(3, "bob", at=99)
    assert ids(read("alice", "bob", limit=4, after=first.next)[0]) == newest_first(9)[4:8]


def test_a_number_of_a_page_is_still_understood(app: Flask) -> None:
    make(9)
    second = read(limit=4, page=2)[0]
    assert (ids(second), second.first) == (newest_first(9)[4:8], 5)
    assert ids(read(limit=4, before=second.previous)[0]) == newest_first(9)[:4]
    assert ids(read(limit=4, after=second.next)[0]) == newest_first(9)[8:]
    assert read(limit=4, page=1_000_000) == ([], 9)


@pytest.mark.parametrize(("count", "total", "words"), [(0, 0, "0"), (1000, 1000, "1,000"), (1001, 1001, "1,000+")])
def test_counts_stop_behind_a_thousand(app: Flask, count: int, total: int, words: str) -> None:
    if count:
        make(count)
        make(5, "bob")
    assert read(limit=2)[1] == total
    assert lists.in_words(total) == words


def test_what_is_whole_on_its_first_page_is_not_counted(app: Flask, statements: Any) -> None:
    make(3)
    with statements() as sent:
        assert read()[1] == 3
    assert len(sent) == 1


def test_sources_show_what_one_condition_would(app: Flask) -> None:
    make(9)
    make(7, "bob", at=1)
    make(5, "carol")
    sources = [DemoWorkflow.owner == "alice", DemoWorkflow.owner == "bob"]
    for part in (Part(limit=5), Part(limit=5, page=2), Part(limit=5, page=4), Part(limit=50)):
        with database.reading() as session:
            found = lists.read(session, select(DemoWorkflow), by=BY, name="w", part=part, sources=sources)
            plain = select(DemoWorkflow).where(or_(*sources))
            assert found == lists.read(session, plain, by=BY, name="w", part=part)
            behind = Part(limit=5, after=found[0].next)
            if found[0].next:
                assert lists.read(session, select(DemoWorkflow), by=BY, name="w", part=behind, sources=sources) == (
                    lists.read(session, plain, by=BY, name="w", part=behind)
                )
    with database.reading() as session:
        assert lists.read(session, select(DemoWorkflow), by=BY, name="w", part={}, sources=[]) == ([], 0)


@pytest.mark.parametrize("cursor", ["x", "é", "AAAA", "A" * 5000, "=", "\0", "[1,2]", "10" * 40])
@pytest.mark.parametrize("side", ["after", "before"])
def test_what_is_no_cursor_is_refused(app: Flask, side: str, cursor: str) -> None:
    with pytest.raises(BadCursor) as refused:
        read(**{side: cursor})
    assert refused.value.field == side and cursor not in refused.value.public


def test_a_cursor_of_another_list_or_installation_is_refused(app: Flask, settings: Any) -> None:
    make(5)
    cursor = read(limit=2)[0].next
    assert len(read(limit=2, after=cursor)[0]) == 2
    with pytest.raises(BadCursor):
        read(name="grants", after=cursor)
    with pytest.raises(BadCursor):
        read(after=cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB"))
    other = dataclasses.replace(settings, secret_key="another secret key, as long as the first one")
    with config.using(other), pytest.raises(BadCursor):
        read(after=cursor)
    rotated = dataclasses.replace(other, secret_key_fallbacks=(settings.secret_key,))
    with config.using(rotated):
        assert len(read(limit=2, after=cursor)[0]) == 2


def test_a_whole_list_is_cut_in_the_same_way() -> None:
    whole = ["a", "b", "c", "d", "e"]

    def cut(**part: Any) -> Rows[str]:
        with config.using(config.Settings(secret_key="a secret key that is long enough for this")):
            return lists.cut(whole, key=lambda each: (each,), name="letters", part=Part(**part))

    first = cut(limit=2)
    second = cut(limit=2, after=first.next)
    assert (first, second, cut(limit=2, page=2)) == (["a", "b"], ["c", "d"], ["c", "d"])
    assert cut(limit=2, before=second.previous) == ["a", "b"]
    assert (cut(limit=2, after=second.next), cut(limit=2, after=second.next).next) == (["e"], "")
