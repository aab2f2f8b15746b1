"""A token of a client for itself, made by whoever runs the installation: to try an API without the client's secret."""

from __future__ import annotations

from collections.abc import Sequence

from authserver import database
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import MACHINE
from authserver.domain.record import audit
from authserver.domain.tokens import issuance
from authserver.domain.tokens.issuance import Issued
from authserver.errors import Conflict, Invalid


def issue(client_id: str, *, scopes: Sequence[str], resources: tuple[str, ...]) -> Issued:
    """What client_credentials (RFC 6749 section 4.4) would give it: all of its scopes, unless some are named.

    Raises NotFound; Conflict for a client that is stopped or acts for nobody but people; Invalid for a scope or a
    resource that is not assigned to it.
    """
    client = clients.get(client_id)
    if not client.enabled:
        raise Conflict("This app is disabled, or its owner is: it gets no tokens.")
    if MACHINE not in client.grant_types:
        raise Conflict(f"This app acts for people alone. Give it the grant {MACHINE}, or sign in with it.")
    if strange := [name for name in scopes if name not in client.scopes]:
        raise Invalid(f"The app has no scope {strange[0]}. Add it to the app, or leave it out.", field="scope")
    assigned = issuance.assigned_resources(client, resources)
    issuance.prepare(client, assigned)
    with database.transaction() as session:
        audit.record(session, "token.issued", target=client.id, owner_id=client.owner_id, client_id=client.id)
    return issuance.issue(client, scopes=tuple(scopes) or client.scopes, resources=assigned)
