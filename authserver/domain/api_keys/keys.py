"""API keys: made once, shown once, known afterwards by their digest."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.access import permissions, roles
from authserver.domain.api_keys import judging, standing, succession
from authserver.domain.api_keys import wishes as key_wishes
from authserver.domain.api_keys.standing import is_live as is_live
from authserver.domain.api_keys.standing import scopes_of as scopes_of
from authserver.domain.api_keys.standing import status as status  # what pages and commands show
from authserver.domain.api_keys.wishes import DAY, Maker
from authserver.domain.api_keys.wishes import DEFAULT_LIFETIME as DEFAULT_LIFETIME
from authserver.domain.api_keys.wishes import Wish as Wish  # what pages and commands hand in
from authserver.domain.ground import lists, person_locks, reasons, usage
from authserver.domain.ground.lists import Part, Rows
from authserver.domain.record import audit
from authserver.errors import Conflict, Invalid, NotFound
from authserver.lib import clock, secrets
from authserver.lib import scopes as grammar
from authserver.models import ApiKey as ApiKey  # what pages and commands are handed
from authserver.models import User

MAX_KEYS = 100  # live ones of one person
OVERLAPS = {"now": 0, "1h": 3600, "24h": DAY, "3d": 3 * DAY, "7d": 7 * DAY}


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key that is good now: its owner, its level, and the scopes it has at this moment."""

    id: str
    name: str
    owner_id: str
    owner_email: str
    owner_name: str
    owner_username: str
    owner_role: str
    permission: str
    scopes: tuple[str, ...]
    rate_limit: str
    created_at: int
    expires_at: int | None
    own_limit: bool = False
    allowed_networks: tuple[str, ...] = ()
    counted_with: str = ""
    knows: frozenset[str] | None = None  # of what is its owner's own; None: everything


def create(owner: User, wish: Wish, *, maker: Maker | None = None) -> tuple[ApiKey, str]:
    """Make a key for a person; returns its row and, this once, the key itself.

    `maker` is the credential that asks, None for a person: it makes no key that is stronger (contract 11.2).
    """
    examine(owner, wish, maker=maker)
    row, value = _new(owner.id, wish, maker)
    with database.transaction() as session:
        _check_owner(session, owner.id)
        session.add(row)
        _record(session, "api_key.created", row, permission=row.permission)
    return row, value


def examine(owner: User, wish: Wish, *, maker: Maker | None = None) -> None:
    """Raise Invalid, with a sentence per field, for a key that `create` would refuse."""
    key_wishes.validate(wish)
    _check_reach(permissions.effective(wish.permission, owner.role), maker)
    if maker is not None:
        key_wishes.require_within(maker, wish)


def rotate(owner: User, key_id: str, *, overlap: int, maker: Maker | None = None) -> tuple[ApiKey, str]:
    """A new key with the same name, level and limits; the old one lives `overlap` seconds more at most.

    `maker` as in `create`: it renews no key that is stronger, nor one beyond its own end.
    """
    if not 0 <= overlap <= 30 * DAY:
        raise Invalid("Choose how long the old key stays good.", field="overlap")
    with database.transaction() as session:
        _lock_owner(session, owner.id)
        old = _locked(session, owner.id, key_id)
        if not is_live(old):
            raise Conflict("This key is no longer in use, so there is nothing to rotate.")
        if old.rotated_to:
            raise Conflict("This key was rotated already. Rotate its successor, or revoke this one.")
        _check_reach(standing.scopes_of(old, owner.role), maker)
        row, value = _new(owner.id, succession.wish(old, maker), maker)
        # What a key has used is used, whatever it is called now.
        row.counted_with = row.counted_with or old.counted_with
        row.knows = succession.known_to_both(row.knows, old.knows)
        row.within = succession.held_by_both(row.within, old.within)
        session.add(row)
        ends = clock.now() + overlap
        old.rotated_to, old.expires_at = row.id, min(ends, old.expires_at or ends)
        _record(session, "api_key.rotated", old, successor=row.id, overlap_seconds=overlap)
    return row, value


def revoke(owner_id: str | None, key_id: str, *, because: str = "") -> ApiKey:
    """End a key at once; `owner_id` None is for administrators and the command line. Doing it twice is no error."""
    with database.transaction() as session:
        row = _locked(session, owner_id, key_id)
        if row.revoked_at is None:
            row.revoked_at = clock.now()
            record_revoked(session, row, because)
    return row


def revoke_all_in(session: Session, owner_id: str) -> list[ApiKey]:
    """End every key of a person inside a transaction that records its own events (`record_revoked`) afterwards."""
    theirs = select(ApiKey).where(ApiKey.owner_id == owner_id, ApiKey.revoked_at.is_(None))
    rows = list(session.scalars(theirs.order_by(ApiKey.id).with_for_update()))
    for row in rows:
        row.revoked_at = clock.now()
    return rows


def record_revoked(session: Session, row: ApiKey, because: str) -> None:
    """The event of a key that was ended."""
    _record(session, "api_key.revoked", row, reason=because)


def revise(
    owner_id: str | None,
    key_id: str,
    changes: Mapping[str, Any],
    *,
    maker: Maker | None = None,
    still: Callable[[ApiKey], bool] | None = None,
) -> ApiKey:
    """Change a key's `name`, `note`, `allowed_networks`, `rate_limit` (None: the setting's) from now on.

    `maker` as in `create`; `still` says whether the key is as the caller saw it. Raises NotFound, Invalid, Conflict.
    """
    with database.transaction() as session:
        if owner_id is not None:
            person_locks.take(session, owner_id)
        row = _locked(session, owner_id, key_id)
        if still is not None and not still(row):
            raise Conflict("Somebody changed this key in the meantime. Look at it again and repeat your change.")
        wish = dataclasses.replace(succession.wish_of(row), **changes)
        key_wishes.validate(wish)
        _check_reach(standing.scopes_of(row, session.get_one(User, row.owner_id).role), maker)
        if maker is not None:
            key_wishes.require_within(maker, wish, changes.keys())
        wanted = {**changes, "name": wish.name.strip(), "note": wish.note.strip()}
        if "allowed_networks" in wanted:
            wanted["allowed_networks"] = list(wish.allowed_networks)
        changed = {name: [getattr(row, name), value] for name, value in wanted.items() if getattr(row, name) != value}
        for name, (_, value) in changed.items():
            setattr(row, name, value)
        if "rate_limit" in changed:  # windows of one bucket have one length
            row.counted_with = maker.counted_with if maker else ""
        if changed:
            _record(session, "api_key.updated", row, changed=changed)
    return row


def set_limit(owner_id: str | None, key_id: str, limit: str | None, *, beyond: bool = True) -> ApiKey:
    """Change a key's limit (`5000/hour`; None: the setting's) from now on. Raises NotFound, Invalid.

    `beyond` the server's own limit is for administrators to go.
    """
    problem = key_wishes.unusable_limit(limit, beyond=beyond)
    if problem:
        raise Invalid(problem, field="rate_limit")
    return revise(owner_id, key_id, {"rate_limit": limit})


def get(owner_id: str | None, key_id: str) -> ApiKey:
    """One key of this person (None: anybody's); a stranger's is not found."""
    with database.reading() as session:
        row = session.get(ApiKey, key_id)
    if row is None or owner_id not in (None, row.owner_id):
        raise NotFound("There is no such key.")
    return row


def page(owner_id: str | None, *, status: str = "", **part: Unpack[Part]) -> tuple[Rows[ApiKey], int]:
    """Keys, newest first, and how many (`lists.read`).

    `status` is `active`, `expired`, `revoked`, `unused` or empty for all.
    """
    conditions = standing.condition(status)
    if owner_id is not None:
        conditions.append(ApiKey.owner_id == owner_id)
    with database.reading() as session:
        return lists.read(
            session, select(ApiKey).where(*conditions), by=(ApiKey.created_at, ApiKey.id), name="api_keys", part=part
        )


def check(presented: str, ip: str) -> KeyFacts | None:
    """The key behind a credential, if it is good from this address; one statement, and none for a typo."""
    row = judging.find(presented)
    if row is None:
        return None
    if fault := judging.fault(row, ip):
        reasons.note_check(presented, fault)
        return None
    usage.note_used("api_keys", row.id, ip)
    usage.count(usage.KEY_CHECKS, f"key:{row.id}")
    return _facts(row)


def _facts(row: Row[tuple[object, ...]]) -> KeyFacts:
    return KeyFacts(
        id=row.id,
        name=row.name,
        owner_id=row.owner_id,
        owner_email=row.email,
        owner_name=row.owner_name,
        owner_username=row.username,
        owner_role=row.role,
        permission=row.permission,
        scopes=standing.scopes_of(row, row.role),
        rate_limit=row.rate_limit or config.current().rate_limit_api_key,
        created_at=row.created_at,
        expires_at=row.expires_at,
        own_limit=row.rate_limit is not None,
        allowed_networks=tuple(row.allowed_networks),
        counted_with=row.counted_with,
        knows=None if row.knows is None else frozenset(row.knows.split()),
    )


def _check_reach(scopes: Iterable[str], maker: Maker | None) -> None:
    if maker is not None and not maker.scopes.issuperset(scopes):
        raise Invalid("A credential cannot make a key that can do more than itself.", field="permission")


def _lock_owner(session: Session, owner_id: str) -> None:
    # Locked, so that two requests at once do not both find room, and nobody disables the owner meanwhile.
    owner = person_locks.take(session, owner_id)
    if owner is None or owner.disabled_at is not None:
        raise Conflict("A disabled account gets no new keys.")


def _check_owner(session: Session, owner_id: str) -> None:
    _lock_owner(session, owner_id)
    live = [ApiKey.owner_id == owner_id, *standing.condition("active")]
    if (session.scalar(select(func.count()).select_from(ApiKey).where(*live)) or 0) >= MAX_KEYS:
        raise Invalid(f"You have {MAX_KEYS} keys in use. Revoke one you no longer need.", field="name")


def _new(owner_id: str, wish: Wish, maker: Maker | None) -> tuple[ApiKey, str]:
    value, now = secrets.generate(config.current().slug, "ak"), clock.now()
    ends = None if wish.expires_in is None else now + wish.expires_in
    if ends is not None and maker is not None and maker.expires_at is not None:
        ends = min(ends, maker.expires_at)
    row = ApiKey(
        id=secrets.random_id("key_"),
        digest=secrets.digest(value),
        hint=secrets.hint(value),
        name=wish.name.strip(),
        note=wish.note.strip(),
        owner_id=owner_id,
        permission=wish.permission,
        rate_limit=wish.rate_limit,
        counted_with=maker.counted_with if maker else "",
        knows=None if maker is None or maker.knows is None else grammar.join(sorted(maker.knows)),
        within=None if maker is None or maker.knows is None else _held_now(wish, maker),
        allowed_networks=list(wish.allowed_networks),
        created_at=now,
        expires_at=ends,
        last_used_ip="",
    )
    return row, value


def _held_now(wish: Wish, maker: Maker) -> list[str]:
    return [each for each in permissions.effective(wish.permission, roles.USER) if each in maker.scopes]


def _locked(session: Session, owner_id: str | None, key_id: str) -> ApiKey:
    row = session.scalar(select(ApiKey).where(ApiKey.id == key_id).with_for_update())
    if row is None or owner_id not in (None, row.owner_id):
        raise NotFound("There is no such key.")
    return row


def _record(session: Session, type: str, row: ApiKey, **data: Any) -> None:
    audit.record(session, type, target=f"key:{row.id}", owner_id=row.owner_id, name=row.name, hint=row.hint, **data)
