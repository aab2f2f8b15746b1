"""How long PostgreSQL is waited for: never beyond a request's time."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest

from authserver import patience
from authserver.lib import rooms


def test_who_has_waited_its_time_begins_no_connection() -> None:
    """Else the two seconds of a request were four: one wait for an idle connection, and one for a new one."""
    begun: list[Any] = []
    connect = patience.connector(1.0, lambda *_arguments, **named: begun.append(named))
    with rooms.entered(rooms.Room("short", seconds=patience.LEAST_SECONDS + 0.05)):
        connect()
        time.sleep(0.1)
        with pytest.raises(psycopg.OperationalError, match="no time is left"):
            connect()
    connect()
    assert len(begun) == 2
