"""/v1/grants: which apps have access to what, and taking it back."""

from __future__ import annotations

from typing import Any

from authserver import database
from authserver.domain.grants import grants
from authserver.domain.grants.grants import Grant
from authserver.domain.people import users
from authserver.domain.tokens import app_makings, disowning
from authserver.edge.api_call import ACCOUNT, OWNER, Call, Route, many, nothing, one, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import STRING, TEXTS, TIME, Schema, or_null, ref, shown
from authserver.lib import scopes as grammar


def index(call: Call) -> Outgoing:
    """Grants that still work, newest first."""
    whose = call.whose(call.signed_in_person)
    rows, total = grants.page(whose, **call.part)
    return many(rows.each(lambda row: facts(row, call)), total, call)


def show(call: Call) -> Outgoing:
    """One grant."""
    return one(facts(_get(call), call))


def revoke(call: Call) -> Outgoing:
    """End a grant and every token of it; asked to, also what its app made for its person."""
    row = _get(call)
    end_made = call.query.get("end_made", False)
    if end_made:
        call.require("keys:manage")
    with database.together():
        person = users.get(row.user_id)
        if end_made:
            disowning.hold(person)
        grants.revoke(row.id, "revoked through the API")
        if end_made:
            app_makings.end_all(person if call.is_admin else users.as_plain(person), [row.client_id])
    return nothing()


def facts(row: Grant, call: Call) -> dict[str, Any]:
    """A grant: one sign-in of one person at one app."""
    return {
        "id": row.id,
        "client_id": row.client_id,
        "user_id": call.known_as(row.user_id),
        "session_id": row.session_id,
        "scope": grammar.join(row.scopes),
        "resources": list(row.resources),
        "created_at": time(row.created_at),
        "expires_at": time(row.expires_at),
        "last_used_at": time(row.last_used_at),
    }


def _get(call: Call) -> Grant:
    return grants.get(None if call.is_admin else call.signed_in_person().id, call.path["id"])


SCHEMAS: dict[str, Schema] = {
    "Grant": shown(
        {
            "id": STRING, "client_id": STRING, "user_id": STRING, "session_id": or_null(STRING), "scope": STRING,
            "resources": TEXTS, "created_at": TIME, "expires_at": TIME, "last_used_at": or_null(TIME),
        }
    )
}  # fmt: skip
_END_MADE: Schema = {
    "end_made": {
        "type": "boolean",
        "default": False,
        "description": "End what the app made for its person, too: API keys, webhooks and secrets for good; apps are"
        " disabled. Needs `keys:manage` on top.",
    }
}
ROUTES = (
    Route("GET", "/v1/grants", index, (), "List grants", ref("Grant"), query=OWNER, many=True, token_scopes=ACCOUNT),
    Route("GET", "/v1/grants/{id}", show, (), "Show a grant", ref("Grant"), errors=(404,), token_scopes=ACCOUNT),
    Route(
        "DELETE",
        "/v1/grants/{id}",
        revoke,
        ("settings:manage",),
        "Revoke a grant",
        status=204,
        errors=(404,),
        query=_END_MADE,
    ),
)
