"""Whether whoever made something with an administrator's authority has that still: judged when it is used."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from authserver.models import ApiKey, Client, User


def stands(session: Session, maker: str) -> bool:
    """Whether what this maker made is good still; `maker` as the audit log names actors.

    A person has to be an administrator now, a key or an app has to work for one. The command line and the server
    itself need nobody's role, nor does what was made before its maker was kept (empty).
    """
    kind, _, id = maker.partition(":")
    if kind == "user":
        return _is_administrator(session, id)
    if kind == "key":
        key = session.execute(select(ApiKey.owner_id, ApiKey.revoked_at).where(ApiKey.id == id)).one_or_none()
        return key is not None and key.revoked_at is None and _is_administrator(session, key.owner_id)
    return kind != "client" or _is_good_app(session, id)


def _is_administrator(session: Session, user_id: str) -> bool:
    acting = select(User.id).where(User.id == user_id, User.role == "admin", User.disabled_at.is_(None))
    return session.scalar(acting) is not None


def _is_good_app(session: Session, client_id: str) -> bool:
    columns = (Client.owner_id, Client.installation)
    working = (Client.disabled_at.is_(None), Client.deleted_at.is_(None))
    app = session.execute(select(*columns).where(Client.id == client_id, *working)).one_or_none()
    if app is None:
        return False
    return _is_administrator(session, app.owner_id) if app.owner_id else bool(app.installation)
