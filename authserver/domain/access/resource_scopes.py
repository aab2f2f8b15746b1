"""The scopes of an API: named together with it, and made where nobody has made them yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from authserver.domain.access import leftovers, scopes
from authserver.domain.access.scopes import ScopeFacts
from authserver.errors import Invalid
from authserver.lib import quoting
from authserver.models import Scope

MAX = 50


def of(identifier: str) -> tuple[str, ...]:
    """The names of an API's scopes, in the order people see them."""
    return tuple(each.name for each in scopes.all().values() if each.resource == identifier)


def check(names: Sequence[str]) -> str | None:
    """What is wrong with these names, in a sentence; None if nothing is."""
    if len(names) > MAX:
        return f"An API has at most {MAX} scopes."
    known = scopes.all()
    if taken := [each for each in names if each in known and known[each].builtin]:
        return f"{quoting.strangers(taken, ())} belongs to this server itself. Choose a name of the API's own."
    return scopes.problem_with(names)


def assign(session: Session, identifier: str, api_name: str, names: Sequence[str]) -> None:
    """Let these, and no others, be the API's scopes; inside a transaction that tells the caches. Raises Invalid.

    One that nobody made gets a sentence from its name, which administrators word better.
    """
    rows = {row.name: row for row in session.scalars(select(Scope).where(Scope.name.in_(names)).with_for_update())}
    if foreign := [name for name, row in rows.items() if row.resource not in (None, identifier)]:
        raise Invalid(
            "Check the resource.",
            problems={
                "scope": f"{quoting.strangers(foreign, ())} belongs to another API. Take it away from that first."
            },
        )
    session.execute(update(Scope).where(Scope.resource == identifier, Scope.name.not_in(names)).values(resource=None))
    for name in names:
        if name in rows:
            rows[name].resource = identifier
        else:
            session.add(Scope(**dataclasses.asdict(_made(name, identifier, api_name))))
    if new := [name for name in names if name not in rows]:
        leftovers.forget_scopes(session, new)


def _made(name: str, identifier: str, api_name: str) -> ScopeFacts:
    last = name.replace(".", ":").rpartition(":")[2]
    level = "read" if last in ("read", "view", "list") else "write"
    return ScopeFacts(name, f"Use {api_name}: {name}", level=level, resource=identifier)
