"""Signing keys of algorithms that an administrator adds, as they are once their six minutes are over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from unittest import mock

from authserver.domain.signing import keys as signing_keys
from authserver.lib import clock


@contextlib.contextmanager
def signing_with(alg: str) -> Iterator[None]:
    """A key of this algorithm signs while this lasts: the clock is ahead of the moment at which it was made."""
    if alg not in signing_keys.algs():
        signing_keys.rotate([alg])
    now, now_us = clock.now() + signing_keys.PUBLISH_AHEAD, clock.now_us() + signing_keys.PUBLISH_AHEAD * 1_000_000
    with mock.patch.object(clock, "now", lambda: now), mock.patch.object(clock, "now_us", lambda: now_us):
        yield
