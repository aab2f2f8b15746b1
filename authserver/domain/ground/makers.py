"""Whether whoever made something with an administrator's authority has that still: judged when it is used."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from authserver.models import ApiKey, Client, PermissionLevel, User

ADMINISTERS = "admin"  # the scope without which no key and no app makes any of it


def stands(session: Session, maker: str, made_at: int) -> bool:
    """Whether what this maker made then (epoch seconds) is good still; `maker` as the audit log names actors.

    A person has to be an administrator now; a key or an app has to work for one, and to hold `admin` itself. What an
    app made ends with its tokens of then: they were ended, or it went to another owner. The command line and the
    server itself need nobody's role, nor does what was made before its maker was kept (empty).
    """
    kind, _, id = maker.partition(":")
    if kind == "user":
        return _is_administrator(session, id)
    if kind == "key":
        return _is_good_key(session, id)
    return kind != "client" or _is_good_app(session, id, made_at)


def _is_administrator(session: Session, user_id: str) -> bool:
    acting = select(User.id).where(User.id == user_id, User.role == "admin", User.disabled_at.is_(None))
    return session.scalar(acting) is not None


def _is_good_key(session: Session, key_id: str) -> bool:
    level = select(ApiKey.owner_id, PermissionLevel.scopes).join(
        PermissionLevel, PermissionLevel.name == ApiKey.permission
    )
    key = session.execute(level.where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))).one_or_none()
    return key is not None and ADMINISTERS in key.scopes and _is_administrator(session, key.owner_id)


def _is_good_app(session: Session, client_id: str, made_at: int) -> bool:
    columns = (Client.owner_id, Client.installation, Client.scopes)
    now = (
        Client.disabled_at.is_(None),
        Client.deleted_at.is_(None),
        Client.tokens_not_before <= made_at,
        # While a former owner's secrets work, and of before that, it acts in nobody's name.
        func.coalesce(Client.shared_until, 0) <= made_at,
    )
    app = session.execute(select(*columns).where(Client.id == client_id, *now)).one_or_none()
    if app is None or ADMINISTERS not in app.scopes:
        return False
    return _is_administrator(session, app.owner_id) if app.owner_id else bool(app.installation)
