"""Password hashes (lines 6.2.8, 6.2.9, 6.3.8, 11.4.2, 15.4.4)."""

import contextlib
import threading
import time

import pytest

from authserver.lib import password_hash


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_hash, "_machine", password_hash._machine)  # restored afterwards
    password_hash.configure(2, 0.2, memory_kib=64, time_cost=1)


def test_the_parameters_are_those_of_the_contract() -> None:
    password_hash.configure(1, memory_kib=password_hash.MEMORY_KIB, time_cost=password_hash.TIME_COST)
    assert password_hash.hash("correct horse").startswith("$argon2id$v=19$m=65536,t=3,p=1$")


def test_only_the_right_password_fits() -> None:
    stored = password_hash.hash("correct horse")
    assert password_hash.verify(stored, "correct horse")
    assert not password_hash.verify(stored, "correct hors")


@pytest.mark.parametrize(
    "other", [" correct horse", "correct horse ", "Correct horse", "correct horse" + "x", "correct\thorse", ""]
)
def test_spaces_and_case_count(other: str) -> None:
    assert not password_hash.verify(password_hash.hash("correct horse"), other)


def test_everything_past_byte_72_counts() -> None:
    stored = password_hash.hash("x" * 100 + "a")
    assert password_hash.verify(stored, "x" * 100 + "a")
    assert not password_hash.verify(stored, "x" * 100 + "b")


def test_two_spellings_of_one_character_are_the_same_password() -> None:
    assert password_hash.verify(password_hash.hash("caf\u00e9 au lait"), "cafe\u0301 au lait")


def test_an_emoji_password_works_up_to_1024_characters() -> None:
    assert password_hash.verify(password_hash.hash("🐎" * 1024), "🐎" * 1024)


@pytest.mark.parametrize("password", ["x" * 1025, "x" * 1_000_000, "abc\0defgh", "abcdefgh\0", "\ud800abcdefgh"])
def test_what_cannot_be_a_password_is_refused_without_hashing(password: str) -> None:
    stored = password_hash.hash("abc")
    password_hash.configure(1, memory_kib=256 * 1024, time_cost=4)  # would take far longer than the limit below
    start = time.perf_counter()
    with pytest.raises(password_hash.Refused):
        password_hash.hash(password)
    assert not password_hash.verify(stored, password)
    assert not password_hash.verify(None, password)
    assert time.perf_counter() - start < 0.05


def test_an_unknown_user_costs_the_same_hash() -> None:
    password_hash.configure(1, memory_kib=8 * 1024, time_cost=3)
    stored = password_hash.hash("correct horse")
    known, unknown = [], []
    for _ in range(15):
        for times, value in ((known, stored), (unknown, None)):
            start = time.thread_time()
            assert not password_hash.verify(value, "wrong")
            times.append(time.thread_time() - start)
    assert sorted(unknown)[7] == pytest.approx(sorted(known)[7], rel=0.35)


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", "hunter2", "\ud800", "é"])
def test_a_damaged_hash_fits_nothing(stored: str) -> None:
    assert not password_hash.verify(stored, "hunter2")


def test_a_hash_of_older_parameters_still_fits_and_asks_for_a_new_one() -> None:
    stored = password_hash.hash("correct horse")
    assert not password_hash.needs_rehash(stored)
    password_hash.configure(1, memory_kib=128, time_cost=1)
    assert password_hash.verify(stored, "correct horse")
    assert password_hash.needs_rehash(stored)
    assert password_hash.needs_rehash("damaged")


def test_without_a_free_slot_a_hash_waits_and_then_gives_up() -> None:
    password_hash.configure(1, 0.05, memory_kib=256 * 1024, time_cost=4)
    running = threading.Thread(target=password_hash.hash, args=("correct horse",))
    running.start()
    try:
        time.sleep(0.1)
        with pytest.raises(password_hash.Busy):
            password_hash.verify(None, "correct horse")
    finally:
        running.join()
    password_hash.configure(1, memory_kib=64, time_cost=1)
    assert not password_hash.verify(None, "correct horse")


def test_one_may_wait_for_each_slot_and_the_next_is_told_at_once() -> None:
    password_hash.configure(2, 10.0, memory_kib=64, time_cost=1)
    with contextlib.ExitStack() as held:
        for _ in range(2):
            held.enter_context(password_hash._machine.slot())
        waiting = [threading.Thread(target=password_hash.verify, args=(None, "a guess")) for _ in range(2)]
        for thread in waiting:
            thread.start()
        while password_hash._machine.places._value:  # type: ignore[attr-defined]  # how many are free, of the library's
            time.sleep(0.001)
        start = time.perf_counter()
        with pytest.raises(password_hash.Busy):
            password_hash.verify(None, "correct horse")
        assert time.perf_counter() - start < 1
    for thread in waiting:
        thread.join(5)
    assert not password_hash.verify(None, "correct horse")


def test_a_hash_begins_when_it_is_its_turn_and_says_what_it_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()
    monkeypatch.setattr(password_hash, "_turns", turns)
    password_hash.configure(1, 0.2, memory_kib=4096, time_cost=1)
    password_hash.verify(None, "a guess")
    ((longest, taken, cost),) = turns.told
    assert 0 < longest <= 0.2 and taken == 0.5 and cost > 0


def test_a_hash_whose_turn_does_not_come_in_time_is_refused_and_frees_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_hash, "_turns", Turns(None))
    password_hash.configure(1, 0.05, memory_kib=64, time_cost=1)
    for _ in range(3):
        with pytest.raises(password_hash.Busy):
            password_hash.verify(None, "a guess")
    monkeypatch.setattr(password_hash, "_turns", None)
    assert not password_hash.verify(None, "a guess")


class Turns:
    """Gives this turn, and keeps what it was told."""

    def __init__(self, turn: float | None = 0.5) -> None:
        self.turn, self.longest, self.told = turn, 0.0, list[tuple[float, float, float]]()

    def wait(self, longest: float) -> float | None:
        self.longest = longest
        return self.turn

    def spent(self, taken: float, cost: float) -> None:
        self.told.append((self.longest, taken, cost))


def test_another_number_of_slots_leaves_the_cost_alone() -> None:
    password_hash.configure(3)
    assert password_hash.hash("correct horse").startswith("$argon2id$v=19$m=64,t=1,p=1$")


def test_a_slot_is_free_again_after_a_failure() -> None:
    password_hash.configure(1, 0.05, memory_kib=64, time_cost=1)
    for _ in range(5):
        assert not password_hash.verify("damaged", "x")
        assert not password_hash.verify(None, "x")


def test_the_time_of_each_hash_and_who_waits_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[int] = []
    seconds: list[float] = []
    monkeypatch.setattr(password_hash, "_waiting", waiting.append)
    monkeypatch.setattr(password_hash, "_took", seconds.append)
    password_hash.verify(None, "a guess")
    assert waiting == [1, -1] and len(seconds) == 1 and seconds[0] > 0
