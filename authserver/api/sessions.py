"""/v1/sessions: where a person is signed in, and signing out from there."""

from __future__ import annotations

from typing import Any

from authserver.domain.people import sessions
from authserver.edge.api_call import ACCOUNT, Call, Route, nothing, paged, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import STRING, TEXTS, TIME, Schema, ref, shown


def index(call: Call) -> Outgoing:
    """Live sessions of one person, last used first."""
    whose = call.whose(call.signed_in_person)
    rows = sessions.list_for(whose or call.signed_in_person().id)
    return paged(rows, call, lambda row: facts(row, call), key=lambda row: (-row.seen_at, row.id))


def end(call: Call) -> Outgoing:
    """End a session."""
    session_id = call.path["id"]
    owner_id = sessions.owner_of(session_id) if call.is_admin else call.signed_in_person().id
    sessions.end(owner_id, session_id)
    return nothing()


def facts(row: Any, call: Call) -> dict[str, Any]:
    """A session, without anything that could continue it."""
    return {
        "id": row.id,
        "user_id": call.known_as(row.user_id),
        "ip": row.ip,
        "user_agent": row.user_agent,
        "methods": list(row.amr),
        "created_at": time(row.created_at),
        "seen_at": time(row.seen_at),
        "expires_at": time(row.expires_at),
    }


SCHEMAS: dict[str, Schema] = {
    "Session": shown(
        {
            "id": STRING, "user_id": STRING, "ip": STRING, "user_agent": STRING, "methods": TEXTS, "created_at": TIME,
            "seen_at": TIME, "expires_at": TIME,
        }
    )
}  # fmt: skip
_OWNER: dict[str, Schema] = {
    "owner": {"type": "string", "maxLength": 100, "description": "A user id; other people's need the scope `admin`."}
}
ROUTES = (
    Route(
        "GET", "/v1/sessions", index, (), "List sessions", ref("Session"), query=_OWNER, many=True, token_scopes=ACCOUNT
    ),
    Route("DELETE", "/v1/sessions/{id}", end, ("settings:manage",), "End a session", status=204, errors=(404,)),
)
