"""The in-process cache: at most a second behind, never larger than its limit."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from authserver import database
from authserver.domain.ground import cache
from authserver.domain.ground.cache import Cache


@pytest.fixture
def loaded(app: Flask) -> list[str]:
    """The keys that were loaded, in their order."""
    return []


@pytest.fixture
def small(loaded: list[str]) -> Cache[str]:
    def load(key: str) -> str:
        loaded.append(key)
        return key.upper()

    return Cache("clients", load, limit=2)


def test_a_value_is_loaded_once(small: Cache[str], loaded: list[str]) -> None:
    assert [small.get("a"), small.get("a")] == ["A", "A"]
    assert loaded == ["a"]


def test_a_change_empties_it_at_once_in_the_process_that_made_it(small: Cache[str], loaded: list[str]) -> None:
    small.get("a")
    with database.transaction() as session:
        cache.touch(session, "clients")
    small.get("a")
    assert loaded == ["a", "a"]


def test_a_change_of_another_kind_leaves_it_alone(small: Cache[str], loaded: list[str]) -> None:
    small.get("a")
    with database.transaction() as session:
        cache.touch(session, "scopes")
    small.get("a")
    assert loaded == ["a"]


def test_made_up_keys_do_not_keep_real_ones_out(small: Cache[str], loaded: list[str]) -> None:
    for key in ("made up 1", "made up 2", "real"):
        small.get(key)
    small.get("real")
    assert loaded.count("real") == 1
    assert len(small._values) <= 2


def test_a_kept_value_outlives_its_database_for_whoever_says_so_and_for_nobody_else(app: Flask) -> None:
    answers: list[str] = ["first"]

    def load(_key: str) -> str:
        if not answers:
            raise OperationalError("SELECT", {}, Exception("the database is away"))
        return answers.pop()

    kept = Cache("signing_keys", load, kept=True)
    assert kept.get_or_last() == "first"
    with database.transaction() as session:
        cache.touch(session, "signing_keys")
    assert kept.get_or_last() == "first"
    with pytest.raises(OperationalError):
        kept.get("")
    answers.append("second")
    assert kept.get_or_last() == "second"
    kept.clear()
    with pytest.raises(OperationalError):
        kept.get_or_last()


def test_a_name_that_no_version_exists_for_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        Cache("nonsense", str)
