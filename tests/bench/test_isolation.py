"""`make isolation` judges what it measured: rate, 99th percentile and refusals, each by itself."""

from __future__ import annotations

import pytest

from bench.isolation import Row


def row(rate: float, p99: float, refused: int = 0) -> Row:
    return Row("sign-ins", "token", 1000.0, rate, 10.0, p99, refused, {})


def test_a_promise_holds_at_its_bounds() -> None:
    assert row(800, 50).good
    assert (row(800, 50).kept, row(800, 50).slower) == (0.8, 5.0)


@pytest.mark.parametrize("broken", [row(790, 10), row(1000, 51), row(1000, 10, refused=1), row(0, 0)])
def test_each_part_of_a_promise_breaks_it(broken: Row) -> None:
    assert not broken.good
