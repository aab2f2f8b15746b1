"""The one clock."""

import time_machine

from authserver.lib import clock


def test_now_is_whole_seconds_of_the_epoch() -> None:
    with time_machine.travel(1_700_000_000.75, tick=False):
        assert clock.now() == 1_700_000_000
        assert clock.now_us() == 1_700_000_000_750_000
