"""The `sub` by which an app knows a person: their id, or one that no app of another sector gets (OIDC Core 8).

A pairwise one is drawn and kept, not computed from a secret: keys change, and a person stays the same to their apps.
"""

from __future__ import annotations

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.clients import clients, sector_identifiers
from authserver.domain.clients.facts import ClientFacts
from authserver.lib import secrets
from authserver.models import Grant, PairwiseSubject

PAIRWISE = "pairwise"


def assign(session: Session, client_id: str, user_id: str) -> str | None:
    """What a new grant calls its person; None where that is their id."""
    client = clients.find(client_id)
    if client is None or client.subject_type != PAIRWISE:
        return None
    sector = sector_identifiers.of(client)
    row = {"subject": secrets.random_id("ps_"), "user_id": user_id, "sector": sector}
    session.execute(database.insert(PairwiseSubject).values(row).on_conflict_do_nothing())
    return session.scalar(_known(user_id, sector))


def told(client: ClientFacts, user_id: str) -> str:
    """The `sub` that an app was told of a person; empty where it never met them."""
    if client.subject_type != PAIRWISE:
        return user_id
    with database.reading() as session:
        return session.scalar(_known(user_id, sector_identifiers.of(client))) or ""


def has_met(client: ClientFacts, subject: str) -> bool:
    """Whether an app was told this `sub` of somebody, in a sign-in that is remembered."""
    named = select(PairwiseSubject.user_id).where(PairwiseSubject.subject == subject)
    whose = or_(Grant.user_id == subject, Grant.user_id == named.scalar_subquery())
    met = select(Grant.id).where(whose, Grant.client_id == client.id)
    with database.reading() as session:
        told = met.where(func.coalesce(Grant.subject, Grant.user_id) == subject)
        return session.scalar(told.limit(1)) is not None


def _known(user_id: str, sector: str) -> Select[str]:
    return select(PairwiseSubject.subject).where(PairwiseSubject.user_id == user_id, PairwiseSubject.sector == sector)
