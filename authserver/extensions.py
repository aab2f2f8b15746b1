"""Flask extensions: db (Flask-SQLAlchemy over our engine)."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from authserver import database
from authserver.tables import Base


class Database(SQLAlchemy):
    """Flask-SQLAlchemy on the engine of the process: one pool, whoever asks."""

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Flask) -> sqlalchemy.Engine:
        return database.engine()


db = Database(model_class=Base)
