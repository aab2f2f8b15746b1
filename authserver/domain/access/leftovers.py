"""Names of scopes and APIs that no longer exist: of apps that can be brought back, keys they made, what people allowed.

Whatever is made under such a name meanwhile is another thing, which nobody gave or allowed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from authserver.lib import clock
from authserver.models import ApiKey, Client, Consent, Grant

Lists = Sequence[InstrumentedAttribute[Any]]
SCOPES: Lists = (Client.scopes, Client.default_scopes, Client.optional_scopes, Client.required_scopes)
OF_KEYS: Lists = (ApiKey.within,)
RESOURCES: Lists = (Client.resources, Client.resource_server_for)
AT_A_TIME = 500


def clear(session: Session, name: str, lists: Lists) -> None:
    """Take a name that ends out of these lists, all of one table."""
    table: Any = lists[0].class_
    for row in _naming(session, table, [name], lists):
        for each in lists:
            if name in (held := getattr(row, each.key) or ()):
                setattr(row, each.key, [other for other in held if other != name])


def forget_scopes(session: Session, names: Sequence[str]) -> None:
    """Take scopes that end, or begin, out of what people allowed; a sign-in of which nothing is left ends.

    Those that begin, too: what was allowed under this name was allowed to another one.
    """
    for row in _naming(session, Consent, names, [Consent.granted], Consent.revoked_at.is_(None)):
        row.granted = {api: [each for each in held if each not in names] for api, held in row.granted.items()}
    for grant in _naming(session, Grant, names, [Grant.scopes], *_live()):
        grant.scopes = [each for each in grant.scopes if each not in names]
        if not grant.scopes:
            _end(grant, "scope deleted")


def forget_api(session: Session, identifier: str) -> None:
    """The same of an API. No token falls back to a wider audience: a sign-in that was for it alone ends."""
    for row in _naming(session, Consent, [identifier], [Consent.granted], Consent.revoked_at.is_(None)):
        row.granted = {api: held for api, held in row.granted.items() if api != identifier}
    for grant in _naming(session, Grant, [identifier], [Grant.resources], *_live()):
        grant.resources = [each for each in grant.resources if each != identifier]
        if not grant.resources:
            _end(grant, "API deleted")


def _live() -> tuple[ColumnElement[bool], ...]:
    return Grant.revoked_at.is_(None), Grant.expires_at > clock.now()


def _end(grant: Grant, because: str) -> None:
    grant.revoked_at, grant.revoked_because = clock.now(), because


def _naming(
    session: Session, table: Any, names: Sequence[str], lists: Lists, *which: ColumnElement[bool]
) -> Iterator[Any]:
    """The rows of a table with one of the names in one of these lists, locked; a few at a time, by id."""
    having = or_(*(cast(each, Text).contains(json.dumps(name), autoescape=True) for each in lists for name in names))
    wanted = select(table).where(having, *which).order_by(table.id).limit(AT_A_TIME).with_for_update(key_share=True)
    last = ""
    while rows := session.scalars(wanted.where(table.id > last)).all():
        yield from rows
        last = rows[-1].id
        session.flush()
