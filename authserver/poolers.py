"""Poolers that hand a server's connection to somebody else after each transaction, such as PgBouncer.

Behind one, nothing may outlive a transaction: no startup options, no prepared statements (another client's may have
the same name), no locks of a session. Limits are then said with each BEGIN; single statements have our own alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from authserver.observability import logs

Connect = Callable[..., Any]


class Pooler:
    """Whether one stands between us and PostgreSQL: as `said` (`yes`, `no`), or as each new connection shows (`auto`).

    `limits` are settings of PostgreSQL, by name, that our connections want; `options` are the operator's own words.
    """

    def __init__(self, said: str, limits: Mapping[str, str], options: str = "") -> None:
        self._said, self._limits, self._options = said, dict(limits), options
        self.found = said == "yes"

    def open(self, connect: Connect, **named: Any) -> Any:
        """A connection made by `connect`, with limits if it keeps them. Raises what the driver raises."""
        import psycopg

        if self.found:
            return connect(**self._stateless(named))
        try:
            connection = connect(**named, options=self._startup_options())
        except psycopg.OperationalError as refused:
            if self._said == "no" or "startup parameter" not in str(refused):
                raise
            return self._found(connect(**self._stateless(named)), "it refuses startup parameters")
        if self._said == "no" or self._keeps_limits(connection):
            return connection
        connection.close()
        return self._found(connect(**self._stateless(named)), "it ignores startup parameters")

    def begin(self, word: str) -> str:
        """What opens a transaction: BEGIN, and behind a pooler the limits within it."""
        limits = [f"SET LOCAL {name} = '{value}'" for name, value in self._limits.items() if name.endswith("_timeout")]
        return "; ".join([word, *limits]) if self.found else word

    def _startup_options(self) -> str:
        return " ".join([*(f"-c {name}={value}" for name, value in self._limits.items()), self._options]).strip()

    def _stateless(self, named: Mapping[str, Any]) -> dict[str, Any]:
        return {**named, "prepare_threshold": None, **({"options": self._options} if self._options else {})}

    def _keeps_limits(self, connection: Any) -> bool:
        connection.autocommit = True
        (value,) = connection.execute("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'").fetchone()
        return bool(value == self._limits["statement_timeout"])

    def _found(self, connection: Any, why: str) -> Any:
        if not self.found:
            logs.event("database_pooler_found", msg=why)
        self.found = True
        return connection
