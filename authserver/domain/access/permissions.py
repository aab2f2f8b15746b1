"""Permission levels of API keys: bundles of scopes, kept as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.access import scopes
from authserver.domain.ground import cache
from authserver.domain.record import audit
from authserver.errors import Invalid, NotFound
from authserver.models import PermissionLevel

READ_ONLY, READ_WRITE, FULL_ACCESS = "read_only", "read_write", "full_access"
_READ = ("workflows:read", "analytics:read")
_WRITE = (*_READ, "workflows:write", "triggers:write", "integrations:write")
_FULL = (*_WRITE, "workflows:delete", "keys:manage", "settings:manage", "admin")
_KINDS = {READ_ONLY: "read", READ_WRITE: "write", FULL_ACCESS: "full"}
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


def choosable() -> tuple[scopes.ScopeFacts, ...]:
    """The scopes a level can hold: those of APIs, not those about who somebody is."""
    return tuple(each for each in scopes.all().values() if each.level != "identity")


def change(name: str, bundle: Iterable[str]) -> Level:
    """Give a level other scopes. Each level holds those of the level before; raises Invalid where it would not."""
    wanted, allowed = set(bundle), [each.name for each in choosable()]
    if not wanted <= set(allowed):
        raise Invalid("Choose from the scopes that keys can hold.", field="scopes")
    chosen = [each for each in allowed if each in wanted]
    with database.transaction() as session:
        rows = session.scalars(select(PermissionLevel).order_by(PermissionLevel.position).with_for_update()).all()
        row = next((each for each in rows if each.name == name), None)
        if row is None:
            raise NotFound("There is no such level.")
        _check_order(rows, row, wanted)
        before = list(row.scopes)
        if set(before) != wanted:
            row.scopes = chosen
            cache.touch(session, "permissions")
            audit.record(
                session, "permission.updated", target=f"level:{name}", name=row.title, before=before, after=chosen
            )
        return Level(row.name, row.title, tuple(row.scopes), row.position)


def _check_order(rows: Sequence[PermissionLevel], row: PermissionLevel, wanted: set[str]) -> None:
    for other in rows:
        missing = set(other.scopes) - wanted if other.position < row.position else wanted - set(other.scopes)
        if other.position != row.position and missing:
            which = "below" if other.position < row.position else "above"
            names = ", ".join(sorted(missing))
            advice = f"Keep {names}" if which == "below" else f"Give {names} to it first"
            raise Invalid(f"{other.title} lies {which} this level. {advice}.", field="scopes")


def explained(role: str) -> dict[str, dict[str, str]]:
    """For each level what its keys can do while their owner has this role: `hint` in a sentence, `can` and `cannot`."""
    found: dict[str, dict[str, str]] = {}
    before: tuple[str, ...] = ()
    everything = effective(all()[-1].name, role) if all() else ()
    for level in all():
        own = effective(level.name, role)
        can = _sentence([name for name in own if name not in before], "and")
        cannot = _sentence([name for name in everything if name not in own], "or")
        found[level.name] = {
            "level": _KINDS.get(level.name, ""),
            "hint": _in_short(own, everything),
            "can": f"Can {'also ' if before else ''}{can}." if can else "Nothing beyond the level before.",
            "cannot": f"Cannot {cannot}." if cannot else "",
        }
        before = own
    return found


def _in_short(own: tuple[str, ...], everything: tuple[str, ...]) -> str:
    """One sentence, from what the scopes are, since an administrator may give a level others."""
    known = scopes.all()
    kinds = {known[name].level for name in own if name in known}
    if not own:
        return "Can do nothing for now."
    if set(own) == set(everything):
        return "Can do everything that a key can do."
    if kinds <= {"read", "identity"}:
        return "Can read, and changes nothing."
    return "Can read and change, and deletes nothing." if "full" not in kinds else "Can read, change and more."


def _sentence(names: list[str], word: str) -> str:
    known = scopes.all()
    titles = [known[name].title[:1].lower() + known[name].title[1:] for name in names if name in known]
    return f"{', '.join(titles[:-1])} {word} {titles[-1]}" if len(titles) > 1 else "".join(titles)


def _load(_key: str) -> tuple[Level, ...]:
    with database.reading() as session:
        rows = session.scalars(select(PermissionLevel).order_by(PermissionLevel.position)).all()
    return tuple(Level(row.name, row.title, tuple(row.scopes), row.position) for row in rows)


_levels: cache.Cache[tuple[Level, ...]] = cache.Cache("permissions", _load)
