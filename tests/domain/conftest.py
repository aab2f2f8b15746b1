"""A receiver of webhooks, and a clock that moves when told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import receivers
from tests.support.receivers import Receiver
from tests.support.webhooks import Time


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receivers.listening() as made:
        yield made


@pytest.fixture
def time_(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)
