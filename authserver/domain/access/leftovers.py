"""Names of scopes and APIs that no longer exist, in the rows of apps that were deleted and can be brought back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, cast, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from authserver.models import Client

Lists = Sequence[InstrumentedAttribute[Any]]
SCOPES: Lists = (Client.scopes, Client.default_scopes, Client.optional_scopes, Client.required_scopes)
RESOURCES: Lists = (Client.resources, Client.resource_server_for)


def clear(session: Session, name: str, lists: Lists) -> None:
    """Take a name that ends out of these lists of all apps.

    Else an app that is brought back has whatever is made under this name meanwhile, though nobody gave it that.
    """
    having = or_(*(cast(each, Text).contains(json.dumps(name), autoescape=True) for each in lists))
    for row in session.scalars(select(Client).where(having).order_by(Client.id).with_for_update()):
        for each in lists:
            if name in (held := getattr(row, each.key) or ()):
                setattr(row, each.key, [other for other in held if other != name])
