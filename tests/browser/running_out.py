"""Sessions of the demo that end by time, without waiting for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from authserver.lib import secrets
from tests.browser.demo import Demo

COOKIE = "authserver_session"
HOURS = 2 * 3600


def run_out(demo: Demo, cookies: dict[str, str]) -> None:
    """The session of these cookies was last used two hours ago."""
    _move(demo, cookies, -HOURS)


def go_on(demo: Demo, cookies: dict[str, str]) -> None:
    """It is as it was: who signs in again has another, which takes a password hash."""
    _move(demo, cookies, HOURS)


def _move(demo: Demo, cookies: dict[str, str], seconds: int) -> None:
    file = demo.folder / "var" / "demo" / "demo.sqlite3"
    with closing(sqlite3.connect(file, timeout=20)) as database:
        changed = database.execute(
            "UPDATE sessions SET seen_at = seen_at + ? WHERE digest = ?", (seconds, secrets.digest(cookies[COOKIE]))
        )
        assert changed.rowcount == 1
        database.commit()
