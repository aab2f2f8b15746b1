"""A table within a test reports each of its rows that fails."""

from __future__ import annotations

import inspect

import pytest

from tests.support.tables import rows


def test_a_test_is_called_with_every_row() -> None:
    seen = []

    @rows(("one", "other"), [(1, "a"), (2, "b")])
    def note(one: int, other: str) -> None:
        seen.append((one, other))

    note()
    assert seen == [(1, "a"), (2, "b")]


def test_every_row_that_fails_is_named_with_its_reason() -> None:
    @rows("number", [1, 2, 3, 4])
    def is_odd(number: int) -> None:
        assert number % 2, f"{number} is even"

    with pytest.raises(pytest.fail.Exception) as failed:
        is_odd()
    said = str(failed.value)
    assert said.startswith("2 of 4 rows failed")
    assert "number=2" in said and "2 is even" in said and "number=4" in said and "4 is even" in said
    assert "number=1" not in said and "number=3" not in said


def test_an_error_is_a_failure_too() -> None:
    @rows("number", [1, 0])
    def divides(number: int) -> None:
        assert 1 / number

    with pytest.raises(pytest.fail.Exception, match=r"(?s)1 of 2 rows failed.*number=0.*ZeroDivisionError"):
        divides()


def test_pytest_is_asked_for_fixtures_alone() -> None:
    @rows("number", [1])
    def uses(tmp_path: object, number: int) -> None: ...

    assert list(inspect.signature(uses).parameters) == ["tmp_path"]


def test_tables_can_be_multiplied() -> None:
    seen = []

    @rows("one", [1, 2])
    @rows("other", "ab")
    def note(one: int, other: str) -> None:
        seen.append((one, other))

    note()
    assert seen == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]


@rows("number", [1, 2])
def test_a_row_comes_with_fixtures(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    assert number in (1, 2) and isinstance(monkeypatch, pytest.MonkeyPatch)


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="tests nothing"):
        rows("number", [])
