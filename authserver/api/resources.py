"""/v1/resources: the APIs that tokens are for (scope admin), in the words of RFC 8707."""

from __future__ import annotations

from typing import Any

from authserver.domain.access import protected_resources, resource_scopes, resource_wishes, resources
from authserver.domain.access.resources import ResourceFacts
from authserver.edge import restricted
from authserver.edge.api_call import ADMIN, Call, Route, nothing, one, paged, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import BOOLEAN, INTEGER, STRING, TIME, Schema, one_of, or_null, record, ref, shown
from authserver.errors import Invalid, NotFound
from authserver.lib import scopes as grammar

NEEDED = (ADMIN,)
MADE = "what apps may ask for"
"""What a restricted credential makes none of (decision 14)."""
_KEPT = (
    "access_token_format", "access_token_typ", "access_token_alg", "access_token_ttl", "open",
    "open_rate_limit", "max_age", "acr_values",
)  # fmt: skip


def index(call: Call) -> Outgoing:
    """All of them, by name."""
    return paged(sorted(resources.all().values(), key=_place), call, facts, key=_place)


def _place(each: Any) -> tuple[str, str]:
    return each.name, each.identifier


@restricted.makes(MADE)
def create(call: Call) -> Outgoing:
    """Register an API; the scopes it names and nobody made are made with it."""
    given = {name: call.body[name] for name in _KEPT if call.body.get(name) is not None}
    identifier = call.body["identifier"]
    resources.create(identifier, call.body["name"], **given, scopes=_scopes(call))
    answer = one(facts(resources.get(identifier)), 201)
    answer.headers.append(("Location", f"/v1/resources/{resources.id_of(identifier)}"))
    return answer


def show(call: Call) -> Outgoing:
    """One API."""
    return one(facts(_found(call)))


@restricted.makes(MADE)
def change(call: Call) -> Outgoing:
    """Change the members that are sent; null means: as the app says."""
    before = _found(call)
    given = {name: call.body.get(name, getattr(before, name)) for name in _KEPT}
    given["open"] = bool(given["open"])
    resources.update(before.identifier, call.body.get("name", before.name), **given, scopes=_scopes(call))
    return one(facts(resources.get(before.identifier)))


@restricted.makes(MADE)
def remove(call: Call) -> Outgoing:
    """Delete an API that no client uses."""
    resources.remove(_found(call).identifier)
    return nothing()


def facts(resource: ResourceFacts) -> dict[str, Any]:
    """An API, its scopes, and the challenge that its server answers with."""
    return {
        "id": resources.id_of(resource.identifier),
        "identifier": resource.identifier,
        "name": resource.name,
        "scope": grammar.join(resource_scopes.of(resource.identifier)),
        "access_token_format": resource.access_token_format,
        "access_token_typ": resource.access_token_typ,
        "access_token_alg": resource.access_token_alg,
        "access_token_ttl": resource.access_token_ttl,
        "open": resource.open,
        "open_rate_limit": resource.open_rate_limit,
        "max_age": resource.max_age,
        "acr_values": resource.acr_values or None,
        "owner_id": resource.owner_id,
        "challenge": protected_resources.challenge(resource.identifier),
        "created_at": time(resource.created_at),
    }


def _found(call: Call) -> ResourceFacts:
    found = resources.by_id(call.path["id"])
    if found is None:
        raise NotFound("There is no such resource.")
    return found


def _scopes(call: Call) -> tuple[str, ...] | None:
    if "scope" not in call.body:
        return None
    try:
        return grammar.parse(call.body["scope"])
    except ValueError as error:
        raise Invalid("Check the members of the body.", problems={"scope": f"{error}."}) from None


_CHOSEN: dict[str, Schema] = {
    "name": {"type": "string", "maxLength": 100},
    "scope": {**STRING, "maxLength": grammar.MAX_LENGTH, "description": "Its scopes; new ones are made."},
    "access_token_format": or_null(one_of(*resource_wishes.FORMATS)),
    "access_token_typ": or_null(one_of(*resource_wishes.TYPS)),
    "access_token_alg": or_null(one_of(*resource_wishes.ALGS)),
    "access_token_ttl": or_null({**INTEGER, "description": "Seconds; null: as the client says."}),
    "open": {**BOOLEAN, "description": "Apps that register themselves may ask for tokens for it, within its scopes."},
    "open_rate_limit": or_null(
        {**STRING, "maxLength": 30, "description": "Such as `100/hour`: of those apps of one person, taken together."}
    ),
    "max_age": or_null(
        {**INTEGER, "description": "Seconds since the person signed in whose token is good there (RFC 9470)."}
    ),
    "acr_values": or_null(
        {**STRING, "maxLength": 100, "description": "How surely they must have signed in: `aal1`, `aal2`, `phr`."}
    ),
}
_NEW = record({"identifier": {"type": "string", "maxLength": 500}, **_CHOSEN}, "identifier", "name")
SCHEMAS: dict[str, Schema] = {
    "Resource": shown(
        {
            "id": STRING, "identifier": STRING, **_CHOSEN, "owner_id": or_null(STRING),
            "challenge": {**STRING, "description": "The line its server answers with to whoever has no token."},
            "created_at": TIME,
        }
    ),
}  # fmt: skip
ROUTES = (
    Route("GET", "/v1/resources", index, NEEDED, "List resources", ref("Resource"), many=True),
    Route("POST", "/v1/resources", create, NEEDED, "Register a resource", ref("Resource"), _NEW,
          status=201, creates=True, errors=(409, 422)),
    Route("GET", "/v1/resources/{id}", show, NEEDED, "Show a resource", ref("Resource"), errors=(404,)),
    Route("PATCH", "/v1/resources/{id}", change, NEEDED, "Change a resource", ref("Resource"), record(_CHOSEN),
          errors=(404, 422)),
    Route("DELETE", "/v1/resources/{id}", remove, NEEDED, "Delete a resource", status=204, errors=(404, 409)),
)  # fmt: skip
