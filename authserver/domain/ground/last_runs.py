"""When the last backup was made and what has expired was last deleted: facts that every process of any machine sees."""

from __future__ import annotations

from sqlalchemy import ScalarSelect, select, text

from authserver import database
from authserver.lib import clock
from authserver.models import LastRun

RETENTION, BACKUP, HORIZON = "retention", "backup", "horizon"
# Retention runs every ten minutes, a backup is made every day: beyond these something has stopped.
OLDEST = {RETENTION: 3600, BACKUP: 2 * 86_400}  # seconds
_NOTE = text(
    "INSERT INTO last_runs (name, ended_at) VALUES (:name, :now)"
    " ON CONFLICT (name) DO UPDATE SET ended_at = excluded.ended_at"
)


def note(name: str, at: int | None = None) -> None:
    """It was done just now, or then, to its end."""
    with database.writing() as connection:
        connection.execute(_NOTE, {"name": name, "now": clock.now() if at is None else at})


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
    return clock.now() - ended_at > OLDEST[name]
