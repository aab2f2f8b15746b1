"""Whether an API key that was presented is good now, and if not, why: one judge for the refusal and its explanation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select

from authserver.errors import Check
from authserver.hot_statements import HotStatement
from authserver.lib import clock, durations, networks, secrets
from authserver.models import ApiKey, User

# Built once: for SQLAlchemy that costs more than running it.
_PRESENTED = HotStatement(
    select(
        ApiKey.__table__,
        User.email,
        User.name.label("owner_name"),
        User.username,
        User.role,
        User.disabled_at.label("owner_disabled_at"),
    )
    .join(User, User.id == ApiKey.owner_id)
    .where(ApiKey.digest == bindparam("presented"))
)


def find(presented: str) -> Any:
    """The row of a key and of its owner, good or not; None for a typo, which costs no statement, and for a stranger."""
    if secrets.kind_of(presented) != "ak":
        return None
    return _PRESENTED.one_or_none(presented=secrets.digest(presented))


def fault(row: Any, ip: str) -> Check | None:
    """The first thing that is wrong with a key of `find` that comes from this address; None if it is good."""
    now = clock.now()
    if row.revoked_at is not None:
        return Check("not revoked", False, "in use", f"revoked {durations.iso(row.revoked_at)}")
    if row.expires_at is not None and row.expires_at <= now:
        return Check("expiry", False, f"after now; now is {durations.iso(now)}", durations.iso(row.expires_at))
    if row.owner_disabled_at is not None:
        return Check("owner", False, "enabled", f"disabled {durations.iso(row.owner_disabled_at)}")
    if not _comes_from(row.allowed_networks, ip):
        return Check("network", False, ", ".join(row.allowed_networks), ip)
    return None


def _comes_from(allowed: Sequence[str], ip: str) -> bool:
    return not allowed or networks.contains(networks.parse(",".join(allowed)), ip)
