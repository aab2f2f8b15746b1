"""/v1/clients/{id}/secrets: never themselves, but for the answer that made one."""

from __future__ import annotations

from typing import Any

from authserver.api.clients import reach, registered
from authserver.api.clients.schemas import DEFAULT_OVERLAP
from authserver.domain.clients import secrets as client_secrets
from authserver.edge import api_call, restricted
from authserver.edge.api_call import Call, nothing, one, time
from authserver.edge.exchange import Outgoing
from authserver.errors import Conflict


def list_secrets(call: Call) -> Outgoing:
    """The secrets of a client, newest first; never themselves."""
    rows = client_secrets.of(registered.visible(call).id)
    return api_call.paged(rows, call, _secret_facts, key=_order)


def _order(row: Any) -> tuple[int, bool, str]:
    return -row.created_at, row.expires_at is not None, row.id


@restricted.makes(reach.MADE)
def rotate_secret(call: Call) -> Outgoing:
    """A new secret; the present one works on for `overlap_seconds`."""
    row = registered.visible(call)
    reach.require_within(call, row.scopes, introspects=row.introspect_all)
    if row.public:
        raise Conflict("A client of this kind has no secret.")
    overlap = call.body.get("overlap_seconds", DEFAULT_OVERLAP)
    made = client_secrets.rotate(call.actor(), row.id, overlap, force=call.body.get("force", False))
    newest = client_secrets.active(row.id)[0]
    said = {"id": newest.id, "client_id": row.id, **registered.secret(made.secret)}
    return one({**said, "previous_ends_at": time(made.previous_ends_at)}, 201)


def end_secret(call: Call) -> Outgoing:
    """End one of two secrets at once."""
    client_secrets.revoke(call.actor(), registered.visible(call).id, call.path["secret_id"])
    return nothing()


def _secret_facts(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "hint": row.hint,
        "created_at": time(row.created_at),
        "expires_at": time(row.expires_at),
        "revoked_at": time(row.revoked_at),
        "last_used_at": time(row.last_used_at),
        "last_used_ip": row.last_used_ip or None,
    }
