"""/v1/leaks: whoever finds one of our credentials reports it here, without a login (ux.md 2.6)."""

from __future__ import annotations

from authserver.domain.tokens import leaks
from authserver.edge.api_call import Call, Route, one
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import BOOLEAN, Schema, record, ref, shown


def report(call: Call) -> Outgoing:
    """End it, if it is ours. The answer is the same for every text."""
    leaks.report(call.body["credential"].strip(), call.body.get("found_at", ""), ip=call.incoming.ip)
    return one({"received": True}, 202)


SCHEMAS: dict[str, Schema] = {"LeakReport": shown({"received": BOOLEAN})}
_REPORT = record(
    {
        "credential": {"type": "string", "minLength": 1, "maxLength": 16_384},
        "found_at": {"type": "string", "maxLength": 300, "description": "Where it was found, for its owner."},
    },
    "credential",
)
ROUTES = (
    Route("POST", "/v1/leaks", report, (), "Report a leaked credential", ref("LeakReport"), _REPORT,
          status=202, open=True, errors=(422, 429)),
)  # fmt: skip
