"""A memory with an end: what is used stays, what is forgotten does not come back."""

from __future__ import annotations

from authserver.lib.recent import Recent
from tests.support.races import in_parallel


def test_it_never_holds_more_than_its_limit() -> None:
    memory: Recent[int, str] = Recent(10)
    for number in range(1000):
        memory.keep(number, "x")
        assert len(memory) <= 10
    assert memory.find(999) == "x" and memory.find(0) is None


def test_what_is_used_outlives_any_number_of_others() -> None:
    memory: Recent[int, str] = Recent(10)
    memory.keep(-1, "busy")
    for number in range(1000):
        memory.keep(number, "x")
        assert memory.find(-1) == "busy"


def test_what_is_forgotten_is_gone_from_both_generations() -> None:
    memory: Recent[int, str] = Recent(4)
    for number in range(4):
        memory.keep(number, "x")
    memory.forget([0, 3])
    assert [memory.find(number) for number in range(4)] == [None, "x", "x", None]
    memory.forget()
    assert len(memory) == 0


def test_what_was_made_before_something_was_forgotten_is_not_kept() -> None:
    memory: Recent[str, str] = Recent(4)
    age = memory.age
    memory.forget(["another"])
    memory.keep("late", "made of what was before", age=age)
    assert memory.find("late") is None
    memory.keep("late", "new", age=memory.age)
    assert memory.find("late") == "new"


def test_threads_that_use_it_bring_nothing_forgotten_back() -> None:
    memory: Recent[int, int] = Recent(8)
    memory.keep(-1, 1)
    memory.keep(-2, 1)

    def use(number: int) -> None:
        if number == 0:
            memory.forget([-1])
        for other in range(2000):
            memory.keep(number * 10_000 + other, other)
            memory.find(-1)

    numbers = iter(range(4))
    in_parallel(4, lambda: use(next(numbers)), threads=4)
    memory.forget([-1])
    assert memory.find(-1) is None and len(memory) <= 8
