"""Leads this process's clock by the database's, so that all nodes go by one (contract 11.41).

PostgreSQL tells its own time with the versions that are read once a second anyway. SQLite has none: the processes of
the machine that use its file agree on one line, which whoever comes first begins by the machine's clock, and which
follows that slowly. When the last has ended, the next begins anew.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from authserver import database
from authserver.lib import clock
from authserver.observability import logs

# A difference that is the network's as well as a clock's is left alone (µs).
NOISE = 100_000
# Beyond this two clocks must say the same against the third, before a process goes by them at once.
ENDURED = clock.LEEWAY * 1_000_000
# A process that tells nothing for so long is gone; those that live tell every five seconds.
FRESH = 30_000_000
TIME = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_LINE = text("SELECT offset_us FROM machine_clocks WHERE boot = :boot AND seen_us > :steady - :fresh")
_KEEP = text(
    "INSERT INTO machine_clocks (id, boot, offset_us, seen_us) VALUES (1, :boot, :offset, :steady)"
    " ON CONFLICT (id) DO UPDATE SET boot = excluded.boot, offset_us = excluded.offset_us, seen_us = excluded.seen_us"
    " WHERE machine_clocks.boot <> excluded.boot OR machine_clocks.seen_us < excluded.seen_us - :fresh"
    " OR abs(machine_clocks.offset_us - excluded.offset_us) < :near"
)

_heard = False
_apart = 0  # by how much the wall clock was ahead when it was last looked at (µs)


def learn() -> None:
    """Hear what time it is, once; whatever goes wrong, the process goes on by the clock that it has."""
    if not clock.is_held():
        return
    try:
        with database.autocommit() as connection:
            learn_by(connection)
    except Exception as failure:  # what needs the database says what is wrong, in one line
        logs.event("time_not_heard", level="debug", error=type(failure).__name__)


def learn_by(connection: Connection) -> None:
    """The same on this connection."""
    if connection.dialect.name == "postgresql":
        asked = clock.now_us()
        hear(int(connection.exec_driver_sql(f"SELECT {TIME}").scalar_one()), asked)
        return
    steady = clock.steady_us()
    line = connection.execute(_LINE, {"boot": clock.boot(), "steady": steady, "fresh": FRESH}).scalar()
    if line is not None:
        _go_by(int(line) + steady, doubt=0)


def hear(theirs_us: int, asked_us: int) -> None:
    """The database said this time after it was asked at that one of ours (both µs)."""
    if clock.is_held():
        doubt = (clock.now_us() - asked_us) // 2
        _go_by(theirs_us + doubt, doubt=doubt)


def keep(connection: Connection) -> None:
    """Tell the other processes of this machine the line that all go by, on SQLite; for those that run for long."""
    if connection.dialect.name != "sqlite" or not clock.is_held():
        return
    learn_by(connection)
    wall, now = clock.wall_us(), clock.now_us()
    if abs(wall - now) > NOISE:
        clock.lead(wall, step=False)
    _tell_of_jump()
    steady = clock.steady_us()
    values = {"boot": clock.boot(), "offset": clock.now_us() - steady, "steady": steady}
    connection.execute(_KEEP, values | {"fresh": FRESH, "near": clock.NEAR * 1_000_000})


def go_on() -> None:
    """Hear what time it is, and tell others: now and then, for a process that looks at nothing else so often."""
    if clock.is_held():
        with database.writing() as connection:
            keep(connection) if connection.dialect.name == "sqlite" else learn_by(connection)


def let_go() -> None:
    """The last words of a process that kept the line: the next begins by the machine's clock, unless others live."""
    if clock.is_held() and database.dialect() == "sqlite":
        try:
            with database.writing() as connection:
                connection.exec_driver_sql("UPDATE machine_clocks SET seen_us = 0")
        except Exception as failure:
            logs.event("time_not_heard", level="warning", error=type(failure).__name__)


def _go_by(theirs: int, *, doubt: int) -> None:
    global _heard
    if not _heard:
        _heard = True
        clock.start(theirs)
    now, wall = clock.now_us(), clock.wall_us()
    gap = theirs - now
    _tell_of_jump()
    if abs(gap) <= doubt + NOISE:
        return
    if abs(gap) > ENDURED and abs(wall - now) <= ENDURED:
        return  # the machine's clock sides with ours, so the database's jumped: it is not ready, and says so
    clock.lead(theirs, step=abs(gap) <= ENDURED or abs(wall - theirs) <= ENDURED)


def _tell_of_jump() -> None:
    """A line in the log for a wall clock that is set while we run: nothing here follows it at once."""
    global _apart
    apart = clock.wall_us() - clock.now_us()
    if abs(apart - _apart) > clock.NEAR * 1_000_000:
        logs.event("clock_apart", level="warning", seconds=round(apart / 1_000_000, 1))
        _apart = apart
