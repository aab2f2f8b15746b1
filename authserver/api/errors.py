"""/v1/errors: why a request was refused, for the owner of the key or client that made it."""

from __future__ import annotations

from typing import Any

from authserver.domain.insight import refusals
from authserver.domain.insight.refusals import Refusal, Viewer
from authserver.edge.api_call import Call, Route, many, one, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import BOOLEAN, INTEGER, STRING, TIME, Schema, or_null, ref, shown

MANAGE = "settings:manage"


def index(call: Call) -> Outgoing:
    """Refusals of the last seven days, newest first."""
    rows, total = refusals.page(_viewer(call), about=call.query.get("about", ""), **call.part)
    return many(rows.each(facts), total, call)


def show(call: Call) -> Outgoing:
    """One refusal, by the request id that its answer carried."""
    return one(facts(refusals.get(_viewer(call), call.path["id"])))


def facts(row: Refusal) -> dict[str, Any]:
    """A refusal and what was looked at; a secret is never in it."""
    return {
        "request_id": row.request_id,
        "at": time(row.at),
        "kind": row.kind,
        "status": row.status,
        "code": row.code,
        "message": row.message,
        "client_id": row.client_id,
        "key_id": row.key_id,
        "ip": row.ip,
        "checks": row.checks,
    }


def _viewer(call: Call) -> Viewer:
    """All of a person's with settings:manage; without it, and for a client itself, a credential sees its own."""
    if call.is_admin or (call.holder.has(MANAGE) and call.holder.owner_id):
        return Viewer(user=call.actor())
    return Viewer(key_id=call.holder.key_id, client_id=call.holder.client_id, owner_id=call.holder.owner_id)


SCHEMAS: dict[str, Schema] = {
    "Refusal": shown(
        {
            "request_id": STRING, "at": TIME, "kind": STRING, "status": INTEGER, "code": STRING, "message": STRING,
            "client_id": or_null(STRING), "key_id": or_null(STRING), "ip": STRING,
            "checks": {
                "type": "array",
                "items": shown({"check": STRING, "ok": BOOLEAN, "expected": STRING, "received": STRING}),
            },
        },
        "A refused request: which check failed, what was expected and what was received.",
    )
}  # fmt: skip
_ABOUT: dict[str, Schema] = {"about": {"type": "string", "maxLength": 64, "description": "The id of a client or key."}}
ROUTES = (
    Route("GET", "/v1/errors", index, (), "List refused requests", ref("Refusal"), query=_ABOUT, many=True),
    Route("GET", "/v1/errors/{id}", show, (), "Why a request was refused", ref("Refusal"), errors=(404,)),
)
