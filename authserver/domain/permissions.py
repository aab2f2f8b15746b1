"""Permission levels of API keys: bundles of scopes, kept as data."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain import cache, scopes
from authserver.errors import Invalid
from authserver.models import PermissionLevel

READ_ONLY, READ_WRITE, FULL_ACCESS = "read_only", "read_write", "full_access"
_READ = ("workflows:read", "analytics:read")
_WRITE = (*_READ, "workflows:write", "triggers:write", "integrations:write")
_FULL = (*_WRITE, "workflows:delete", "keys:manage", "settings:manage", "admin")
SEEDS = ((READ_ONLY, "Read Only", _READ), (READ_WRITE, "Read/Write", _WRITE), (FULL_ACCESS, "Full Access", _FULL))


@dataclass(frozen=True, slots=True)
class Level:
    """A level's name, its title for people, and its scopes."""

    name: str
    title: str
    scopes: tuple[str, ...]
    position: int


def seed(session: Session) -> None:
    """Put the three levels into an empty table."""
    if session.scalar(select(PermissionLevel.name).limit(1)) is None:
        rows = [
            {"name": name, "title": title, "scopes": list(bundle), "position": position}
            for position, (name, title, bundle) in enumerate(SEEDS)
        ]
        session.execute(insert(PermissionLevel), rows)


def all() -> tuple[Level, ...]:
    """The levels, weakest first."""
    return _levels.get("")


def get(name: str) -> Level:
    """One level; raises Invalid for a name that is none."""
    for level in all():
        if level.name == name:
            return level
    raise Invalid("Choose an access level.", field="permission")


def effective(name: str, role: str) -> tuple[str, ...]:
    """The scopes a key of this level has while its owner has this role (contract 11.1)."""
    return scopes.held_by(role, get(name).scopes)


def _load(_key: str) -> tuple[Level, ...]:
    with database.reading() as session:
        rows = session.scalars(select(PermissionLevel).order_by(PermissionLevel.position)).all()
    return tuple(Level(row.name, row.title, tuple(row.scopes), row.position) for row in rows)


_levels: cache.Cache[tuple[Level, ...]] = cache.Cache("permissions", _load)
