"""The settings of this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from authserver.config.settings import Settings

_current: Settings | None = None


def current() -> Settings:
    """The settings of this process, installed at assembly."""
    if _current is None:
        raise RuntimeError("settings are not installed: create_app() or a command does it")
    return _current


def install(settings: Settings) -> None:
    """Make these the settings of the process."""
    global _current
    _current = settings


@contextlib.contextmanager
def using(settings: Settings) -> Iterator[Settings]:
    """Install settings for a block, for tests and for commands that look at another installation."""
    global _current
    before, _current = _current, settings
    try:
        yield settings
    finally:
        _current = before
