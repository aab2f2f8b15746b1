"""The base of all tables. No Flask in it: a command that only opens the database need not import the framework."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Names of constraints are fixed so that migrations can find them."""

    metadata = sqlalchemy.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def only(condition: str) -> dict[str, Any]:
    """The arguments that say of an index that it has those rows alone; statements have to say the condition literally.

    Its migration makes it so. As an option of the index it would import PostgreSQL's dialect into every command.
    """
    return {"info": {"only": condition}}
