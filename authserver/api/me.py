"""/v1/me: who this credential is. The call that tests an API key."""

from __future__ import annotations

from typing import Any

from authserver.domain.clients import clients
from authserver.edge import rate_limit
from authserver.edge.api_call import Call, Route, one, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import INTEGER, STRING, TEXTS, TIME, Schema, one_of, or_null, ref, shown
from authserver.lib import scopes as grammar


def show(call: Call) -> Outgoing:
    """Kind, subject, scopes and limit. A name or address is told as far as the credential may know it."""
    holder = call.holder
    client = clients.find(holder.client_id) if holder.client_id else None
    return one(
        {
            "kind": holder.kind,
            "subject": holder.subject,
            "key_id": holder.key_id,
            "permission": holder.permission,
            "scope": grammar.join(sorted(holder.scopes)),
            "scopes": sorted(holder.scopes),
            "expires_at": time(holder.expires_at),
            "client": {"client_id": client.client_id, "client_name": client.name} if client else None,
            "user": _user(call),
            "rate_limit": rate_limit.members(rate_limit.peek(call.holder)),
        }
    )


def _user(call: Call) -> dict[str, Any] | None:
    user = call.holder.user
    if user is None:
        return None
    return {
        "id": call.known_as(user.id),
        "email": user.email if call.holder.knows("email") else None,
        "name": user.name if call.holder.knows("profile") else None,
    }


LIMIT: Schema = shown(
    {"policy": STRING, "limit": INTEGER, "window": INTEGER, "remaining": INTEGER, "reset": INTEGER},
    "How the limit of this credential stands: `window` in seconds, `reset` in epoch seconds, as X-RateLimit-Reset.",
)
SCHEMAS: dict[str, Schema] = {
    "RateLimit": LIMIT,
    "Me": shown(
        {
            "kind": one_of("api_key", "access_token", "jwt"),
            "subject": STRING,
            "key_id": or_null(STRING),
            "permission": or_null(STRING),
            "scope": STRING,
            "scopes": TEXTS,
            "expires_at": or_null(TIME),
            "client": or_null(shown({"client_id": STRING, "client_name": STRING})),
            "user": or_null(shown({"id": STRING, "email": or_null(STRING), "name": or_null(STRING)})),
            "rate_limit": ref("RateLimit"),
        }
    ),
}
ROUTES = (Route("GET", "/v1/me", show, (), "Who this credential is", ref("Me")),)
