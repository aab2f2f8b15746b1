"""/v1/registration-tokens: initial access tokens of RFC 7591 section 3 (scope admin)."""

from __future__ import annotations

from typing import Any

from authserver.domain.clients import registration_tokens
from authserver.domain.clients.registration_tokens import RegistrationToken
from authserver.edge import restricted
from authserver.edge.api_call import ADMIN, Call, Route, nothing, one, paged, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import INTEGER, STRING, TIME, Schema, one_of, or_null, record, ref, shown

NEEDED = (ADMIN,)


def index(call: Call) -> Outgoing:
    """All of them, newest first; never themselves."""
    return paged(registration_tokens.all(), call, facts, key=lambda row: (-row.created_at, row.id))


@restricted.makes("tokens with which apps are registered, and those apps,")
def create(call: Call) -> Outgoing:
    """Make one; its value is in this answer alone."""
    given = {name: call.body[name] for name in ("uses", "expires_in") if name in call.body}
    row, value = registration_tokens.create(**given)
    answer = one({**facts(row), "token": value}, 201)
    answer.headers.append(("Location", f"/v1/registration-tokens/{row.id}"))
    return answer


def show(call: Call) -> Outgoing:
    """One of them."""
    return one(facts(registration_tokens.get(call.path["id"])))


def revoke(call: Call) -> Outgoing:
    """End one at once; doing it twice is no error. Apps that were registered with it stay."""
    registration_tokens.revoke(call.path["id"])
    return nothing()


def facts(row: RegistrationToken) -> dict[str, Any]:
    """A token as it is shown."""
    return {
        "id": row.id,
        "hint": row.hint,
        "status": registration_tokens.status(row).replace(" ", "_"),
        "uses": row.uses,
        "used": row.used,
        "created_at": time(row.created_at),
        "expires_at": time(row.expires_at),
        "revoked_at": time(row.revoked_at),
    }


_MEMBERS: dict[str, Schema] = {
    "id": STRING, "hint": STRING, "status": one_of("active", "used_up", "expired", "revoked", "idle"), "uses": INTEGER,
    "used": INTEGER, "created_at": TIME, "expires_at": TIME, "revoked_at": or_null(TIME),
}  # fmt: skip
_NEW = record({
    "uses": {**INTEGER, "minimum": 1, "maximum": registration_tokens.MAX_USES,
             "default": registration_tokens.DEFAULT_USES, "description": "How many registrations it is good for."},
    "expires_in": {**INTEGER, "minimum": 60, "maximum": registration_tokens.MAX_LIFETIME,
                   "default": registration_tokens.DEFAULT_LIFETIME, "description": "Seconds."},
})  # fmt: skip
SCHEMAS: dict[str, Schema] = {
    "RegistrationToken": shown(_MEMBERS),
    "NewRegistrationToken": shown({**_MEMBERS, "token": STRING}, "The only answer with `token`."),
}
ROUTES = (
    Route("GET", "/v1/registration-tokens", index, NEEDED, "List registration tokens", ref("RegistrationToken"),
          many=True),
    Route("POST", "/v1/registration-tokens", create, NEEDED, "Make a registration token", ref("NewRegistrationToken"),
          _NEW, status=201, creates=True, errors=(422,)),
    Route("GET", "/v1/registration-tokens/{id}", show, NEEDED, "Show a registration token", ref("RegistrationToken"),
          errors=(404,)),
    Route("DELETE", "/v1/registration-tokens/{id}", revoke, NEEDED, "End a registration token", status=204,
          errors=(404,)),
)  # fmt: skip
