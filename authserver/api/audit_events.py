"""/v1/audit-events: what happened to a person, their apps and keys; everything for administrators."""

from __future__ import annotations

from typing import Any

from authserver.domain.insight import audit_search, audit_sentences
from authserver.domain.insight.audit_search import Wanted
from authserver.domain.insight.audit_sentences import Told
from authserver.edge.api_call import ACCOUNT, Call, Route, many, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import INTEGER, OBJECT, STRING, TIME, Schema, one_of, ref, shown

NEEDED = ("settings:manage",)


def index(call: Call) -> Outgoing:
    """Events, newest first."""
    viewer, query = call.actor(), call.query
    wanted = Wanted(
        visible_to=None if call.is_admin else viewer.id,
        group=query.get("group", ""),
        result=query.get("result", ""),
        since=query.get("since"),
        until=query.get("until"),
        about=query.get("about", ""),
    )
    rows, total = audit_search.page(wanted, **call.part)
    told = iter(audit_sentences.for_viewer(rows, viewer))
    return many(rows.each(lambda _row: facts(next(told))), total, call)


def facts(told: Told) -> dict[str, Any]:
    """An event as its viewer may read it."""
    return {
        "seq": told.seq,
        "at": time(told.at),
        "type": told.type,
        "sentence": told.sentence,
        "result": told.result,
        "reason": told.reason,
        "actor": told.actor,
        "target": told.target,
        "client_id": told.client_id,
        "ip": told.ip,
        "request_id": told.request_id,
        "data": told.data,
        "hash": told.hash,
    }


SCHEMAS: dict[str, Schema] = {
    "AuditEvent": shown(
        {
            "seq": INTEGER, "at": TIME, "type": STRING, "sentence": STRING, "result": STRING, "reason": STRING,
            "actor": STRING, "target": STRING, "client_id": STRING, "ip": STRING, "request_id": STRING, "data": OBJECT,
            "hash": STRING,
        }
    )
}  # fmt: skip
_SECONDS: Schema = {**INTEGER, "minimum": 0, "maximum": 4_102_444_800, "description": "Epoch seconds."}
_QUERY: dict[str, Schema] = {
    "group": one_of(*audit_sentences.GROUPS),
    "result": one_of(*audit_search.RESULTS),
    "since": _SECONDS,
    "until": _SECONDS,
    "about": {"type": "string", "maxLength": 140, "description": "An id, a reference such as `client:…`, a type."},
}
ROUTES = (
    Route(
        "GET",
        "/v1/audit-events",
        index,
        NEEDED,
        "List audit events",
        ref("AuditEvent"),
        query=_QUERY,
        many=True,
        token_scopes=ACCOUNT,
    ),
)
