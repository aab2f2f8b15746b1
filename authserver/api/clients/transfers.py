"""/v1/clients/{id}/transfer: offering an app to somebody, and accepting it (contract 11.38)."""

from __future__ import annotations

from authserver.api.clients import reach, registered
from authserver.domain.clients import transfers
from authserver.domain.people import users
from authserver.edge import restricted
from authserver.edge.api_call import Call, nothing, one, time
from authserver.edge.exchange import Outgoing
from authserver.errors import Invalid


@restricted.makes(reach.MADE)
def offer(call: Call) -> Outgoing:
    """Offer a client to another person, by id or email; it stays its owner's until they accept."""
    row = registered.visible(call)
    reach.require_within(call, row.scopes, introspects=row.introspect_all)
    transfers.begin(call.actor())
    asked = call.body["owner"]
    person = users.find_by_email(asked) if "@" in asked else users.find(asked)
    if person is None:
        raise Invalid("Check the members of the body.", problems={"owner": "There is no such person."})
    through = call.holder.client_id if call.holder.owner_id else None
    made = transfers.offer(call.actor(), row.id, person, through=through)
    return one({"client_id": row.id, "owner": made.to.id, "expires_at": time(made.expires_at)}, 201)


def withdraw(call: Call) -> Outgoing:
    """Take the offer back, or decline it."""
    transfers.withdraw(call.actor(), call.path["id"])
    return nothing()


@restricted.makes(reach.MADE)
def accept(call: Call) -> Outgoing:
    """Take an offered client over; its new secret is in this answer alone."""
    found = transfers.get(call.signed_in_person(), call.path["id"])
    reach.require_within(call, found.client.scopes, introspects=found.client.introspect_all)
    row, made = transfers.accept(found.to, found.client.id, call.body["former_credentials"])
    return one({**registered.facts(row), **registered.secret(made)}, 201)
