"""A gateway's route table: method and path patterns, and the scopes each needs."""

from typing import Any

from sqlalchemy import JSON, BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from authserver.tables import Base


class RouteTable(Base):
    __tablename__ = "route_tables"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)  # stands in the proxy's configuration
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSON)  # [{methods, path, scopes}], the first match counts
    updated_at: Mapped[int] = mapped_column(BigInteger)
