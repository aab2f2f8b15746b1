"""Times in words."""

import pytest

from authserver.lib import durations

NOW = 1_795_528_800  # 24 Nov 2026, 14:00 UTC


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (119, "1 minute ago"),
        (180, "3 minutes ago"),
        (3_600, "1 hour ago"),
        (47 * 3_600, "47 hours ago"),
        (2 * 86_400, "2 days ago"),
        (120 * 86_400, "120 days ago"),
        (121 * 86_400, "4 months ago"),
        (729 * 86_400, "24 months ago"),
        (730 * 86_400, "2 years ago"),
    ],
)
def test_the_past_reads_in_the_unit_that_fits(distance: int, words: str) -> None:
    assert durations.ago(NOW - distance, NOW) == words


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (1, "in under a minute"),
        (60, "in 1 minute"),
        (12 * 86_400, "in 12 days"),
        (84 * 86_400, "in 84 days"),
        (121 * 86_400, "in 4 months"),
    ],
)
def test_the_future_reads_as_a_promise(distance: int, words: str) -> None:
    assert durations.ago(NOW + distance, NOW) == words


@pytest.mark.parametrize(
    ("epoch", "text"),
    [
        (NOW, "24 Nov 2026, 14:00 UTC"),
        (0, "1 Jan 1970, 00:00 UTC"),
        (1_709_210_099, "29 Feb 2024, 12:34 UTC"),
    ],
)
def test_an_absolute_time_names_day_month_and_zone(epoch: int, text: str) -> None:
    assert durations.absolute(epoch) == text


def test_a_machine_reads_the_same_moment() -> None:
    assert durations.iso(NOW) == "2026-11-24T14:00:00Z"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (1, "1 s"),
        (60, "1 min"),
        (252, "4 min 12 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (5_400, "1 h 30 min"),
        (86_400, "1 d"),
        (108_000, "1 d 6 h"),
    ],
)
def test_a_span_reads_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert durations.in_words(seconds) == words
