"""Times as they are written, read into epoch seconds."""

from __future__ import annotations

import pytest

from authserver.lib import moments


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("2026-11-24T10:00:00Z", 1_795_514_400),
        ("2026-11-24t10:00:00z", 1_795_514_400),
        (" 2026-11-24 10:00 ", 1_795_514_400),
        ("2026-11-24T10:00:00.999Z", 1_795_514_400),
        ("2026-11-24T12:00:00+02:00", 1_795_514_400),
        ("2026-11-24", 1_795_478_400),
        ("1795514400", 1_795_514_400),
        ("1970-01-01", 0),
    ],
)
def test_a_time_is_read(text: str, epoch: int) -> None:
    assert moments.parse(text) == epoch


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "20261124", "2026-W48-2", "2026-11-24T10", "2026-11-24T10:00:60Z", "2026-02-30",
        "1795514400000", "-1", "0", "٢٠٢٦-١١-٢٤", "1969-12-31", "1970-01-01T00:00+01:00", "9999-12-31", "0001-01-01",
        "2026-11-24T10:00Z; DROP", "2026-11-24\n2026-11-25",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        moments.parse(text)
