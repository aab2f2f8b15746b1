"""Fixtures of the edge: settings where no server is assembled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from authserver import config
from authserver.config import Settings


@pytest.fixture
def installed() -> Iterator[Settings]:
    """Settings of an https issuer, which the headers follow that the front puts on its own answers."""
    with config.using(Settings(issuer="https://id.example")) as settings:
        yield settings
