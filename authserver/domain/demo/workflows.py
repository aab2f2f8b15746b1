"""Workflows of the demo API: something to read, change and delete, each owner's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.ground import lists
from authserver.domain.ground.lists import Part, Rows
from authserver.errors import Conflict, Invalid, NotFound
from authserver.lib import clock, secrets
from authserver.models import DemoWorkflow as DemoWorkflow  # what the API is handed

MAX_WORKFLOWS = 1000
SAMPLES = (("Send weekly report", 214, 3), ("Import new customers", 1890, 12), ("Remind about open invoices", 56, 0))


@dataclass(frozen=True, slots=True)
class Figures:
    """What all workflows of an owner did."""

    workflows: int
    active: int
    runs: int
    failures: int


def seed(owner: str) -> None:
    """Three workflows for somebody who has none."""
    with database.transaction() as session:
        if not _count(session, owner):
            session.add_all(_new(owner, name, runs=runs, failures=failures) for name, runs, failures in SAMPLES)


def page(owner: str, **part: Unpack[Part]) -> tuple[Rows[DemoWorkflow], int]:
    """An owner's workflows, newest first, and how many (`lists.read`)."""
    with database.reading() as session:
        wanted = select(DemoWorkflow).where(DemoWorkflow.owner == owner)
        return lists.read(session, wanted, by=(DemoWorkflow.created_at, DemoWorkflow.id), name="workflows", part=part)


def get(owner: str, workflow_id: str) -> DemoWorkflow:
    """One workflow of this owner; a stranger's is not found."""
    with database.reading() as session:
        return _visible(session.get(DemoWorkflow, workflow_id), owner)


def create(owner: str, name: str, *, active: bool = True) -> DemoWorkflow:
    """A new workflow. Raises Invalid."""
    row = _new(owner, _clean(name), active=active)
    with database.transaction() as session:
        if _count(session, owner) >= MAX_WORKFLOWS:
            raise Conflict(f"There are {MAX_WORKFLOWS} workflows, which is the limit. Delete one first.")
        session.add(row)
    return row


def change(owner: str, workflow_id: str, *, name: str | None = None, active: bool | None = None) -> DemoWorkflow:
    """Rename a workflow, stop it or start it. Raises NotFound, Invalid."""
    with database.transaction() as session:
        row = _locked(session, owner, workflow_id)
        row.name = row.name if name is None else _clean(name)
        row.active = row.active if active is None else active
        row.updated_at = clock.now()
    return row


def remove(owner: str, workflow_id: str) -> None:
    """Delete a workflow. Raises NotFound."""
    with database.transaction() as session:
        session.delete(_locked(session, owner, workflow_id))


def figures(owner: str) -> Figures:
    """What they did, added up."""
    with database.reading() as session:
        rows = session.execute(
            select(DemoWorkflow.active, DemoWorkflow.runs, DemoWorkflow.failures).where(DemoWorkflow.owner == owner)
        ).all()
    return Figures(
        len(rows), sum(row.active for row in rows), sum(row.runs for row in rows), sum(row.failures for row in rows)
    )


def _new(owner: str, name: str, *, active: bool = True, runs: int = 0, failures: int = 0) -> DemoWorkflow:
    now = clock.now()
    return DemoWorkflow(
        id=secrets.random_id("wf_"),
        owner=owner,
        name=name,
        active=active,
        runs=runs,
        failures=failures,
        created_at=now,
        updated_at=now,
    )


def _clean(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise Invalid("A name has 1 to 100 visible characters.", field="name")
    return name


def _count(session: Session, owner: str) -> int:
    return session.scalar(select(func.count()).select_from(DemoWorkflow).where(DemoWorkflow.owner == owner)) or 0


def _locked(session: Session, owner: str, workflow_id: str) -> DemoWorkflow:
    return _visible(session.scalar(select(DemoWorkflow).where(DemoWorkflow.id == workflow_id).with_for_update()), owner)


def _visible(row: DemoWorkflow | None, owner: str) -> DemoWorkflow:
    if row is None or row.owner != owner:
        raise NotFound("There is no such workflow.")
    return row
