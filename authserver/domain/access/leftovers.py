"""Names of scopes and APIs that no longer exist, in rows of apps that can be brought back, and of keys they made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, cast, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from authserver.models import ApiKey, Client

Lists = Sequence[InstrumentedAttribute[Any]]
SCOPES: Lists = (Client.scopes, Client.default_scopes, Client.optional_scopes, Client.required_scopes)
OF_KEYS: Lists = (ApiKey.within,)
RESOURCES: Lists = (Client.resources, Client.resource_server_for)


def clear(session: Session, name: str, lists: Lists) -> None:
    """Take a name that ends out of these lists, all of one table.

    Else an app that is brought back, or a key that one made, has whatever is made under this name meanwhile, though
    nobody gave it that.
    """
    having = or_(*(cast(each, Text).contains(json.dumps(name), autoescape=True) for each in lists))
    table: Any = lists[0].class_
    for row in session.scalars(select(table).where(having).order_by(table.id).with_for_update(key_share=True)):
        for each in lists:
            if name in (held := getattr(row, each.key) or ()):
                setattr(row, each.key, [other for other in held if other != name])
