"""/v1/api-keys: make, list, rotate and revoke API keys (scope keys:manage)."""

from __future__ import annotations

from typing import Any

from authserver.domain.access import permissions, scopes
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys import wishes as key_wishes
from authserver.domain.api_keys.keys import ApiKey, Wish
from authserver.domain.api_keys.wishes import Maker
from authserver.domain.limits import rate_limits
from authserver.domain.people import users
from authserver.edge import restricted
from authserver.edge.api_call import OWNER, Call, Route, expected_tag, many, nothing, one, tag, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import INTEGER, STRING, TEXTS, TIME, Schema, one_of, or_null, record, ref, shown

NEEDED = ("keys:manage",)
LEVELS = (permissions.READ_ONLY, permissions.READ_WRITE, permissions.FULL_ACCESS)
DEFAULT_OVERLAP = 86_400


def index(call: Call) -> Outgoing:
    """Keys, newest first."""
    rows, total = api_keys.page(call.whose(), status=call.query.get("status", ""), **call.part)
    return many(rows.each(facts), total, call)


@restricted.for_developers
@restricted.makes_within
def create(call: Call) -> Outgoing:
    """A key for the person behind this credential, never beyond its own scopes (contract 11.2)."""
    asked = call.body
    wish = Wish(
        name=asked["name"],
        permission=asked["permission"],
        expires_in=asked.get("expires_in", api_keys.DEFAULT_LIFETIME),
        note=asked.get("note") or "",
        allowed_networks=tuple(asked.get("allowed_networks") or ()),
        rate_limit=asked.get("rate_limit"),
    )
    maker = maker_of(call)
    wish = key_wishes.inherited(maker, wish, asked.keys())
    row, value = api_keys.create(call.person(), wish, maker=maker)
    return _once(row, value, call)


def show(call: Call) -> Outgoing:
    """One key."""
    return _shown(api_keys.get(call.reach(), call.path["id"]))


@restricted.makes_within
def change(call: Call) -> Outgoing:
    """Change the members that are sent; with If-Match only if nobody changed it since."""
    changes: dict[str, Any] = dict(call.body)
    if "allowed_networks" in changes:
        changes["allowed_networks"] = tuple(changes["allowed_networks"])
    seen = expected_tag(call)
    still = None if seen is None else lambda row: _tag(row)[1] == seen
    return _shown(api_keys.revise(call.reach(), call.path["id"], changes, maker=maker_of(call), still=still))


@restricted.for_developers
@restricted.makes_within
def rotate(call: Call) -> Outgoing:
    """A successor with the same access; the old key works on for `overlap_seconds`."""
    overlap = call.body.get("overlap_seconds", DEFAULT_OVERLAP)
    row, value = api_keys.rotate(call.person(), call.path["id"], overlap=overlap, maker=maker_of(call))
    return _once(row, value, call)


def revoke(call: Call) -> Outgoing:
    """End a key at once; doing it twice is no error."""
    api_keys.revoke(call.reach(), call.path["id"])
    return nothing()


def facts(row: ApiKey) -> dict[str, Any]:
    """A key as it is shown: never itself."""
    return {
        "id": row.id,
        "name": row.name,
        "note": row.note,
        "owner_id": row.owner_id,
        "permission": row.permission,
        "prefix": row.hint.partition("…")[0],
        "hint": row.hint,
        "status": api_keys.status(row),
        "allowed_networks": list(row.allowed_networks),
        "rate_limit": row.rate_limit,
        "created_at": time(row.created_at),
        "expires_at": time(row.expires_at),
        "revoked_at": time(row.revoked_at),
        "rotated_to": row.rotated_to,
        "last_used_at": time(row.last_used_at),
        "last_used_ip": row.last_used_ip or None,
    }


def maker_of(call: Call) -> Maker:
    """The credential of this call, as one that makes keys."""
    holder = call.holder
    # What a restricted one makes or renews, itself included, ends with it (contract 11.37).
    ends = holder.expires_at if restricted.restriction(holder) else None
    limited = holder.own_limit and key_wishes.is_below_ours(holder.rate_limit)
    counted_with = rate_limits.named(holder.rate_policy, holder.rate_key) if limited else ""
    knows = holder.told if holder.kind == "api_key" else scopes.PERSONAL & holder.scopes
    return Maker(
        holder.scopes, holder.rate_limit, holder.own_limit, holder.allowed_networks, ends, counted_with,
        None if call.is_admin else knows,
    )  # fmt: skip


def _once(row: ApiKey, value: str, call: Call) -> Outgoing:
    role = users.get(row.owner_id).role
    held = list(api_keys.scopes_of(row, role))
    answer = one({**facts(row), "scopes": held, "key": value}, 201)
    answer.headers += [("Location", f"/v1/api-keys/{row.id}"), _tag(row)]
    return answer


def _shown(row: ApiKey) -> Outgoing:
    answer = one(facts(row))
    answer.headers.append(_tag(row))
    return answer


def _tag(row: ApiKey) -> tuple[str, str]:
    return tag(facts(row), "name", "note", "allowed_networks", "rate_limit")


_MEMBERS: dict[str, Schema] = {
    "id": STRING,
    "name": STRING,
    "note": STRING,
    "owner_id": STRING,
    "permission": STRING,
    "prefix": STRING,
    "hint": STRING,
    "status": one_of("active", "rotated", "expired", "revoked"),
    "allowed_networks": TEXTS,
    "rate_limit": or_null(STRING),
    "created_at": TIME,
    "expires_at": or_null(TIME),
    "revoked_at": or_null(TIME),
    "rotated_to": or_null(STRING),
    "last_used_at": or_null(TIME),
    "last_used_ip": or_null(STRING),
}
_CHANGEABLE: dict[str, Schema] = {
    "name": {"type": "string", "minLength": 1, "maxLength": 100},
    "note": {"type": "string", "maxLength": 300},
    "allowed_networks": {
        "type": "array", "items": STRING, "maxItems": 50,
        "description": "Inside those of the API key that asks, which are taken when a new key leaves this out.",
    },
    "rate_limit": {
        "type": ["string", "null"], "maxLength": 30,
        "description": "Such as 1000/hour; null for the server's own. Within the limit of the credential that asks, "
        "which a new key takes when this is left out and the server's own limit is higher.",
    },
}  # fmt: skip
_WISH = record(
    {
        **_CHANGEABLE,
        "permission": one_of(*LEVELS),
        "expires_in": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": key_wishes.MAX_LIFETIME,
            "description": "Seconds, null for never; 90 days when left out. Never beyond the end of the API key that "
            "asks, which is taken when this is left out.",
        },
    },
    "name",
    "permission",
)  # fmt: skip
_OVERLAP = record(
    {"overlap_seconds": {**INTEGER, "minimum": 0, "maximum": 30 * 86_400, "default": DEFAULT_OVERLAP}},
    about="How long the old key works on; 0 ends it at once.",
)
SCHEMAS: dict[str, Schema] = {
    "ApiKey": shown(_MEMBERS),
    "NewApiKey": shown(
        {**_MEMBERS, "scopes": TEXTS, "key": STRING}, "A key that was just made: the only answer with `key`."
    ),
}
_STATUS = {"status": one_of("active", "expired", "revoked", "unused")}
ROUTES = (
    Route("GET", "/v1/api-keys", index, NEEDED, "List API keys", ref("ApiKey"), query={**OWNER, **_STATUS}, many=True),
    Route("POST", "/v1/api-keys", create, NEEDED, "Make an API key", ref("NewApiKey"), _WISH,
          status=201, creates=True, rehearsed=("id", "key", "prefix", "hint"), errors=(409, 422)),
    Route("GET", "/v1/api-keys/{id}", show, NEEDED, "Show an API key", ref("ApiKey"), errors=(404,)),
    Route("PATCH", "/v1/api-keys/{id}", change, NEEDED, "Change an API key", ref("ApiKey"), record(_CHANGEABLE),
          errors=(404, 409, 422)),
    Route("DELETE", "/v1/api-keys/{id}", revoke, NEEDED, "Revoke an API key", status=204, errors=(404,)),
    Route("POST", "/v1/api-keys/{id}/rotate", rotate, NEEDED, "Rotate an API key", ref("NewApiKey"), _OVERLAP,
          status=201, creates=True, errors=(404, 409, 422)),
)  # fmt: skip
