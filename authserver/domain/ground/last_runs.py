"""When the last backup was made and what has expired was last deleted: facts that every process of any machine sees."""

from __future__ import annotations

from sqlalchemy import ScalarSelect, select, text

from authserver import config, database
from authserver.lib import clock
from authserver.models import LastRun

RETENTION, BACKUP, HORIZON = "retention", "backup", "horizon"
# Retention runs every ten minutes, a backup is made every day: beyond these something has stopped.
OLDEST = {RETENTION: 3600, BACKUP: 2 * 86_400}  # seconds
# Of those that only one process may do at a time: whoever begins has an hour, then the next one tries.
CLAIM_SECONDS = 3600
_CLAIM = text(
    "INSERT INTO last_runs (name, ended_at) VALUES (:name, :now)"
    " ON CONFLICT (name) DO UPDATE SET ended_at = excluded.ended_at WHERE last_runs.ended_at <= :before"
)
_NOTE = text(
    "INSERT INTO last_runs (name, ended_at) VALUES (:name, :now)"
    " ON CONFLICT (name) DO UPDATE SET ended_at = excluded.ended_at"
)


def note(name: str, at: int | None = None) -> None:
    """It was done just now, or then, to its end."""
    with database.writing() as connection:
        connection.execute(_NOTE, {"name": name, "now": clock.now() if at is None else at})


def claim(name: str, *, every: int) -> bool:
    """Whether it is due, `every` seconds after its last end, and this process may begin; nobody else for an hour."""
    now = clock.now()
    if known()[name] > now - every:
        return False
    with database.writing() as connection:
        begun = connection.execute(_CLAIM, {"name": f"{name}_begun", "now": now, "before": now - CLAIM_SECONDS})
        return begun.rowcount == 1


def known() -> dict[str, int]:
    """When each was last done (epoch seconds); 0 for never."""
    with database.reading() as session:
        rows = session.execute(select(LastRun.name, LastRun.ended_at)).all()
    return dict.fromkeys(OLDEST, 0) | {name: int(at) for name, at in rows}


def ended(name: str) -> ScalarSelect[int]:
    """When it was last done, for a query of something else as well; NULL for never."""
    return select(LastRun.ended_at).where(LastRun.name == name).scalar_subquery()


def is_overdue(name: str, ended_at: int) -> bool:
    """Whether something that was last done then should have been done again."""
    wanted = 2 * config.current().backup_every if name == BACKUP and config.current().backup_dir else 0
    return clock.now() - ended_at > max(OLDEST[name], wanted)
