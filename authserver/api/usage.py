"""/v1/usage: what a person's keys and apps used, and how the limit of this credential stands."""

from __future__ import annotations

from typing import Any

from authserver.domain.ground import usage
from authserver.domain.insight import limits_in_use, usage_reports
from authserver.domain.limits import rate_limits
from authserver.edge import rate_limit
from authserver.edge.api_call import ACCOUNT, OWNER, Call, Route, one, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import INTEGER, STRING, TIME, Schema, or_null, ref, shown

DAYS = 14
MOST = 100  # the busiest, of which the answer says how their limits stand now
# The names of the answer, and what is counted under them.
_NAMES = {
    "requests": rate_limits.REQUESTS,
    "rate_limited": rate_limits.REFUSED,
    "tokens": usage.TOKENS,
    "introspections": usage.INTROSPECTIONS,
    "refusals": usage.REFUSALS,
}


def show(call: Call) -> Outgoing:
    """The last days, each day and each key and app; counters are at most some seconds behind."""
    subjects, days = _subjects(call), call.query["days"]
    usage.flush()
    each = usage_reports.per_subject(subjects, days=days)
    stand = limits_in_use.of(sorted(each, key=lambda subject: -each[subject]["peak"])[:MOST])
    return one(
        {
            "days": [
                {"day": time(day), **_told(counts)} for day, counts in usage_reports.per_day(subjects, days=days)
            ],
            "credentials": [
                {"subject": subject, "name": (subjects or {}).get(subject), "peak_per_hour": counts["peak"],
                 **_told(counts), "rate_limits": [rate_limit.members(limit.state) for limit in stand.get(subject, ())]}
                for subject, counts in sorted(each.items())
            ],
            "rate_limit": rate_limit.members(rate_limit.peek(call.holder)),
        }
    )  # fmt: skip


def _subjects(call: Call) -> dict[str, str] | None:
    holder = call.holder
    if holder.owner_id is None and "owner" not in call.query:
        return {f"client:{holder.client_id}": str(holder.client_id)}
    if not holder.knows(ACCOUNT[0]) and not call.is_admin:
        call.require(*ACCOUNT)
    whose = call.whose(call.signed_in_person)
    return None if whose is None else usage_reports.subjects_of(whose)


def _told(counts: dict[str, int]) -> dict[str, Any]:
    return {name: counts[metric] for name, metric in _NAMES.items()}


_COUNTS: dict[str, Schema] = dict.fromkeys(_NAMES, INTEGER)
SCHEMAS: dict[str, Schema] = {
    "Usage": shown(
        {
            "days": {"type": "array", "items": shown({"day": TIME, **_COUNTS})},
            "credentials": {
                "type": "array",
                "description": f"Of everybody's, the {usage_reports.MOST} that were busiest in the last day.",
                "items": shown(
                    {
                        "subject": STRING, "name": or_null(STRING), "peak_per_hour": INTEGER, **_COUNTS,
                        "rate_limits": {
                            "type": "array", "items": ref("RateLimit"),
                            "description": "How its limits stand now, and when each is whole again (`reset`).",
                        },
                    }
                ),
            },
            "rate_limit": ref("RateLimit"),
        }
    )
}  # fmt: skip
_DAYS: dict[str, Schema] = {"days": {**INTEGER, "minimum": 1, "maximum": 90, "default": DAYS}}
ROUTES = (Route("GET", "/v1/usage", show, (), "Show usage", ref("Usage"), query={**OWNER, **_DAYS}),)
