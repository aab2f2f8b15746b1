"""Conditions on many ids: a statement takes some ten thousand parameters, and such a set is one of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, literal, select

from authserver import database


def among(column: Any, ids: Iterable[str]) -> ColumnElement[bool]:
    """Whether a column holds one of these, however many they are."""
    given = json.dumps(sorted(set(ids)))
    listed: Any = select(func.json_each(given).table_valued("value").c.value)
    if database.dialect() != "sqlite":
        from sqlalchemy.dialects.postgresql import JSONB  # the command line on SQLite starts without it

        listed = select(func.jsonb_array_elements_text(cast(literal(given, Text), JSONB)).column_valued("value"))
    found: ColumnElement[bool] = column.in_(listed)
    return found
