"""A receiver of webhooks, and a clock that moves when told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from authserver.domain.ground import mails
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


@pytest.fixture
def mails_wait_to_be_sent(app: Flask) -> Iterator[None]:
    """No thread sends them in the midst of a test."""
    mails.in_background(False)
    yield
    mails.in_background(True)
