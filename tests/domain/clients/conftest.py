"""Who publishes documents and keys of apps, and the time that goes by meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from authserver.lib import clock
from tests.support import documents as hosting
from tests.support.documents import Host


@pytest.fixture
def host(app: Flask) -> Iterator[Host]:
    with hosting.host() as made:
        yield made


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    start = clock.now()

    def move(seconds: int) -> None:
        monkeypatch.setattr(clock, "now", lambda: start + seconds)

    move(0)
    return move
