"""A change says which rows it was about: caches keep the others, on the node that changed them and on every other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, update

from authserver import database
from authserver.domain.ground import cache, changes
from authserver.domain.ground.cache import Cache
from authserver.models import CacheChange, CacheVersion


@dataclass(frozen=True)
class Row:
    """A value that belongs to somebody."""

    key: str
    owner: str | None


@pytest.fixture
def loaded(app: Flask) -> list[str]:
    """The keys that were loaded, in their order."""
    return []


@pytest.fixture
def rows(loaded: list[str]) -> Iterator[Cache[Row | None]]:
    """Values by key; `alice-…` are Alice's, and nobody knows `nothing`."""

    def load(key: str) -> Row | None:
        loaded.append(key)
        return None if key.startswith("nothing") else Row(key, key.partition("-")[0])

    made: Cache[Row | None] = Cache("clients", load, by_row=lambda row: row.owner)
    yield made
    cache._caches.remove(made)


def change(*keys: str) -> None:
    with database.transaction() as session:
        cache.touch(session, "clients", keys)


def change_elsewhere(*keys: str) -> None:
    """What another node does, of which this one learns from the database."""
    with database.transaction() as session:
        changes.write(session, "clients", keys or None)


@pytest.fixture(params=["asked", "in the background"])
def poll(app: Flask, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How versions are read: by whoever asks, or by a thread, whose work `learn` does."""
    monkeypatch.setattr(cache, "_background", request.param != "asked")
    cache.forget()


def learn() -> None:
    cache.forget()


@pytest.mark.usefixtures("poll")
@pytest.mark.parametrize("changing", [change, change_elsewhere])
def test_a_change_of_one_row_leaves_the_others(rows: Cache[Row], loaded: list[str], changing: object) -> None:
    for key in ("alice-1", "bob-1"):
        rows.get(key)
    changing("alice-1")  # type: ignore[operator]  # one of two functions
    learn()
    for key in ("alice-1", "bob-1"):
        rows.get(key)
    assert loaded == ["alice-1", "bob-1", "alice-1"]


@pytest.mark.usefixtures("poll")
def test_a_change_of_somebody_is_one_of_all_that_is_theirs(rows: Cache[Row], loaded: list[str]) -> None:
    for key in ("alice-1", "alice-2", "bob-1"):
        rows.get(key)
    change_elsewhere("alice")
    learn()
    loaded.clear()
    for key in ("alice-1", "alice-2", "bob-1"):
        rows.get(key)
    assert loaded == ["alice-1", "alice-2"]


@pytest.mark.usefixtures("poll")
def test_what_nobody_knew_is_looked_for_again_once_it_was_made(rows: Cache[Row], loaded: list[str]) -> None:
    for _ in range(2):
        assert rows.get("nothing-1") is None
    change_elsewhere("nothing-1")
    learn()
    rows.get("nothing-1")
    assert loaded == ["nothing-1", "nothing-1"]


@pytest.mark.usefixtures("poll")
def test_a_change_of_anything_empties_all(rows: Cache[Row], loaded: list[str]) -> None:
    rows.get("alice-1")
    change_elsewhere()
    learn()
    rows.get("alice-1")
    assert loaded == ["alice-1", "alice-1"]


@pytest.mark.usefixtures("poll")
@pytest.mark.parametrize("between", ["of an older version", "long ago", "of very many", "in a restored database"])
def test_whoever_cannot_know_what_changed_forgets_everything(
    rows: Cache[Row], loaded: list[str], between: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEPT", 3)
    rows.get("alice-1")
    if between == "of an older version":
        change_elsewhere("bob-1")
        with database.transaction() as session:
            session.execute(update(CacheVersion).values(version=CacheVersion.version + 1))
    elif between == "long ago":
        for _ in range(4):
            change_elsewhere("bob-1")
    elif between == "of very many":
        change_elsewhere(*(f"bob-{number}" for number in range(changes.MOST_KEYS + 1)))
    else:
        with database.transaction() as session:
            session.execute(update(CacheVersion).values(version=CacheVersion.version - 2))
    learn()
    rows.get("alice-1")
    assert loaded == ["alice-1", "alice-1"]


def test_a_restored_database_is_never_taken_for_the_one_before(rows: Cache[Row], loaded: list[str]) -> None:
    """Whatever was changed in it by the time that a node looks again."""
    for _ in range(5):
        change_elsewhere("bob-1")
    rows.get("alice-1")
    with database.transaction() as session:
        session.execute(update(CacheVersion).values(version=CacheVersion.version - 4))
        session.execute(delete(CacheChange))
        changes.set_apart(session)
    for _ in range(9):
        change_elsewhere("bob-1")
    learn()
    rows.get("alice-1")
    assert loaded == ["alice-1", "alice-1"]


def test_only_so_many_changes_are_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "KEPT", 5)
    for number in range(20):
        change(f"row-{number}", "another")
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(CacheChange)) == 10


def test_what_was_loaded_before_a_change_is_not_kept_after_it(loaded: list[str]) -> None:
    """A slow reader that read the old row puts nothing old into the cache."""

    def load(key: str) -> str:
        loaded.append(key)
        if len(loaded) == 1:
            change("alice-1")
            cache.current_version("clients")  # by another request meanwhile
        return key

    slow: Cache[str] = Cache("clients", load, by_row=lambda _value: None)
    slow.get("alice-1")
    slow.get("alice-1")
    assert loaded == ["alice-1", "alice-1"]
    cache._caches.remove(slow)


def test_a_million_names_that_nobody_has_leave_the_busy_ones(loaded: list[str]) -> None:
    def load(key: str) -> Row | None:
        loaded.append(key)
        return None if key.startswith("nothing") else Row(key, None)

    small: Cache[Row | None] = Cache("clients", load, limit=16, by_row=lambda row: row.owner)
    small.get("busy")
    for number in range(500):
        small.get(f"nothing-{number}")
        small.get(f"rare-{number}")
        small.get("busy")
    assert loaded.count("busy") == 1
    assert len(small._values) <= 16 and len(small._missing) <= 2
    cache._caches.remove(small)
