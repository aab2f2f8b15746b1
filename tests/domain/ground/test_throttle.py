"""Guesses are slowed down, and nobody is locked out by somebody else's guesses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from authserver.domain.ground import throttle
from authserver.errors import RateLimited
from authserver.lib import secrets

ALICE, BOB = "alice@example.test", "bob@example.test"
LAPTOP = secrets.digest("alice's laptop")
FROM_MALLORY = "198.51.100.7"


@pytest.fixture
def overrides() -> dict[str, int]:
    return {"login_failures_per_account": 3, "login_failures_per_address": 5}


def guesses_allowed(email: str, ip: str = FROM_MALLORY, device: bytes | None = None, tries: int = 12) -> int:
    allowed = 0
    for _ in range(tries):
        try:
            throttle.begin_sign_in(email, ip=ip, device=device)
        except RateLimited:
            continue
        allowed += 1
    return allowed


@pytest.mark.parametrize("email", [ALICE, "nobody@example.test"])
def test_an_account_takes_so_many_guesses_and_an_unknown_name_the_same(app: Flask, email: str) -> None:
    assert guesses_allowed(email) == 3


def test_many_addresses_do_not_multiply_an_accounts_budget(app: Flask) -> None:
    allowed = sum(guesses_allowed(ALICE, ip=f"203.0.113.{number}", tries=1) for number in range(20))
    assert allowed == 3


def test_one_address_runs_out_over_many_accounts(app: Flask) -> None:
    allowed = sum(guesses_allowed(f"person{number}@example.test", tries=1) for number in range(20))
    assert allowed == 5


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("203.0.113.1", "203.0.113.2", False),
        ("203.0.113.1", "::ffff:203.0.113.1", True),
        ("garbage", "other garbage", True),
    ],
)
def test_an_address_is_what_one_subscriber_has(one: str, other: str, same: bool) -> None:
    assert (throttle.address_key(one) == throttle.address_key(other)) is same


def test_a_known_device_still_gets_in_after_an_attack_on_its_account_and_its_address(app: Flask) -> None:
    guesses_allowed(ALICE)
    for number in range(20):
        guesses_allowed(f"person{number}@example.test", tries=1)
    assert guesses_allowed(ALICE, device=LAPTOP) == 3


def test_a_known_device_has_a_budget_too_and_it_is_for_one_account(app: Flask) -> None:
    assert guesses_allowed(ALICE, device=LAPTOP) == 3
    assert guesses_allowed(BOB, device=LAPTOP) == 3
    assert guesses_allowed(ALICE) == 3


def test_a_blocked_address_uses_up_nobody_elses_budget(app: Flask) -> None:
    for number in range(5):
        guesses_allowed(f"person{number}@example.test", tries=1)
    assert guesses_allowed(ALICE) == 0
    assert guesses_allowed(ALICE, ip="203.0.113.1") == 3


def test_a_refund_gives_the_place_back(app: Flask) -> None:
    for _ in range(10):
        throttle.refund(throttle.begin_sign_in(ALICE, ip=FROM_MALLORY, device=None))
    assert guesses_allowed(ALICE) == 3


def test_who_is_refused_while_others_are_judged_uses_up_nothing(app: Flask) -> None:
    """Else somebody whose right codes came all at once would be slowed as if they had guessed."""
    under_way = [throttle.begin_user_code("alice", ip=FROM_MALLORY) for _ in range(throttle.USER_CODES_PER_PERSON)]
    for _ in range(3):
        with pytest.raises(RateLimited):
            throttle.begin_user_code("alice", ip=FROM_MALLORY)
    for attempt in under_way:
        throttle.refund(attempt)
    for _ in range(throttle.USER_CODES_PER_PERSON):
        throttle.begin_user_code("alice", ip=FROM_MALLORY)


def test_the_last_place_is_told(app: Flask) -> None:
    attempts = [throttle.begin_sign_in(ALICE, ip=FROM_MALLORY, device=None) for _ in range(3)]
    assert [attempt.last for attempt in attempts] == [False, False, True]


def test_the_window_ends_and_says_when(app: Flask) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        guesses_allowed(ALICE)
        clock.shift(timedelta(minutes=10, seconds=48))
        with pytest.raises(RateLimited, match="Try again in 4 min 12 s") as refused:
            throttle.begin_sign_in(ALICE, ip=FROM_MALLORY, device=None)
        assert refused.value.retry_after == 252
        clock.shift(timedelta(seconds=252))
        assert guesses_allowed(ALICE) == 3


def test_a_refund_of_an_ended_window_does_not_reach_into_the_next_one(app: Flask) -> None:
    with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
        old = throttle.begin_sign_in(ALICE, ip=FROM_MALLORY, device=None)
        clock.shift(timedelta(minutes=16))
        assert guesses_allowed(ALICE) == 3
        throttle.refund(old)
        assert guesses_allowed(ALICE) == 0


def test_parallel_guesses_share_one_budget(app: Flask) -> None:
    with ThreadPoolExecutor(16) as pool:
        allowed = sum(pool.map(lambda _: guesses_allowed(ALICE, tries=1), range(60)))
    assert allowed == 3


def test_clearing_forgets_every_device(app: Flask) -> None:
    guesses_allowed(ALICE)
    guesses_allowed(ALICE, device=LAPTOP)
    throttle.clear(ALICE)
    assert guesses_allowed(ALICE, tries=1) == 1
    assert guesses_allowed(ALICE, device=LAPTOP, tries=1) == 1


def test_reset_links_are_counted_apart_so_that_they_stay_usable_while_sign_in_is_slowed(app: Flask) -> None:
    guesses_allowed(ALICE)
    throttle.begin_reset(ALICE, ip=FROM_MALLORY)


def test_right_passwords_are_counted_too(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "SIGN_INS_PER_ACCOUNT", 6)
    monkeypatch.setattr(throttle, "SIGN_INS_PER_ADDRESS", 8)

    def right(email: str, ip: str) -> bool:
        try:
            throttle.refund(throttle.begin_sign_in(email, ip=ip, device=None))
        except RateLimited:
            return False
        return True

    assert sum(right(ALICE, FROM_MALLORY) for _ in range(12)) == 6
    assert not right(ALICE, "203.0.113.1")
    assert sum(right(BOB, FROM_MALLORY) for _ in range(12)) == 2
    assert right(BOB, "203.0.113.1")


def test_a_known_device_buys_no_free_hashes(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "SIGN_INS_PER_ACCOUNT", 4)
    for _ in range(4):
        throttle.refund(throttle.begin_sign_in(ALICE, ip=FROM_MALLORY, device=LAPTOP))
    with pytest.raises(RateLimited):
        throttle.begin_sign_in(ALICE, ip=FROM_MALLORY, device=LAPTOP)


def test_many_networks_of_one_48_share_what_a_few_may(app: Flask) -> None:
    allowed = sum(
        guesses_allowed(f"person{number}@example.test", ip=f"2001:db8:1:{number:x}::1", tries=1) for number in range(40)
    )
    assert allowed == 5 * throttle.NETWORK_SHARE
    assert guesses_allowed(ALICE, ip="2001:db8:2::1", tries=1) == 1
