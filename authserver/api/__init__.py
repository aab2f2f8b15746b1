"""For programs, under /v1: one file a resource, and one way through for all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from authserver import config, database
from authserver.api import (
    api_keys,
    audit_events,
    clients,
    demo_workflows,
    docs,
    errors,
    grants,
    leaks,
    me,
    openapi,
    registration_tokens,
    resources,
    sessions,
    signing_keys,
    usage,
    users,
    webhooks,
)
from authserver.domain.access import protected_resources
from authserver.domain.access.step_up import Demand
from authserver.domain.clients import cors_origins
from authserver.domain.ground import idempotency
from authserver.domain.ground.lists import BadCursor
from authserver.domain.limits import changes
from authserver.domain.limits.rate_limits import State
from authserver.edge import api_call, bearer, cors, json_schema, machine, rate_limit, refused, step_up
from authserver.edge.api_call import Call, Route
from authserver.edge.bearer import Principal
from authserver.edge.exchange import Incoming, Outgoing
from authserver.edge.json_errors import (
    ApiError,
    denied,
    for_want_of,
    invalid_request,
    method_not_allowed,
    not_found,
    point_to,
    respond,
    translate,
)
from authserver.edge.machine import Endpoint
from authserver.edge.pools import API
from authserver.errors import Denied, DomainError
from authserver.lib import secrets
from authserver.observability import context

RESOURCES = (
    me, api_keys, clients, webhooks, users, grants, sessions, signing_keys, audit_events, usage, errors, leaks,
    resources, registration_tokens,
)  # fmt: skip
ROUTES: tuple[Route, ...] = tuple(route for resource in RESOURCES for route in resource.ROUTES)
DEMO_ROUTES: tuple[Route, ...] = demo_workflows.ROUTES
SCHEMAS = {name: schema for resource in RESOURCES for name, schema in resource.SCHEMAS.items()}
# What an id may hold: nothing else reaches the database.
_ID = re.compile(r"[A-Za-z0-9._~-]{1,100}")


@dataclass(frozen=True, slots=True)
class Found:
    """The route of a request, or the methods that its path has instead; neither for an unknown path."""

    route: Route | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    methods: frozenset[str] = frozenset()


class Api:
    """A table of routes behind one path: credential, limit, scopes, handler; every answer in one format."""

    def __init__(self, routes: Iterable[Route], *, resource_path: str) -> None:
        self._table: dict[int, list[tuple[list[str], Route]]] = {}
        self._resource_path = resource_path
        for route in routes:
            parts = route.path.split("/")
            self._table.setdefault(len(parts), []).append((parts, route))

    def respond(self, incoming: Incoming) -> Outgoing:
        """The answer; with a credential, its limit's headers are on it whatever it says.

        A challenge leads to the description of this API, and so to the server that gives tokens for it.
        """
        outgoing = machine.run(Endpoint(self._answer, None, api=True), incoming)
        if outgoing.status not in (401, 403):
            return outgoing
        return point_to(outgoing, protected_resources.metadata_url(self._resource))

    def _answer(self, incoming: Incoming) -> Outgoing:
        found = self._find(incoming.method, incoming.path)
        if found.route is not None:
            context.current().log["operation"] = f"{found.route.method} {found.route.path}"
        if found.route is None and not incoming.header("authorization"):
            raise _missing(found)
        if found.route is not None and found.route.open:
            return _open(found.route, incoming)
        try:
            holder = rate_limit.identified(incoming, verifier=self._resource_path, resources=(self._resource,))
        except ApiError as error:
            refused.note_credential(incoming, error, kind="api")
            needed = (*found.route.scopes, *found.route.token_scopes) if found.route is not None else ()
            raise for_want_of(error, needed) from None
        state = rate_limit.consume(holder)
        outgoing = machine.run(Endpoint(lambda _: _serve(found, incoming, holder, state), None, api=True), incoming)
        given = {name for name, _ in outgoing.headers}
        outgoing.headers += [pair for pair in rate_limit.headers(state) if pair[0] not in given]
        return outgoing

    @property
    def _resource(self) -> str:
        """The audience that is good here, beside the issuer (contract 11.5)."""
        return config.current().issuer + self._resource_path

    def _find(self, method: str, path: str) -> Found:
        sent = path.split("/")
        methods: set[str] = set()
        for parts, route in self._table.get(len(sent), ()):
            values = _match(parts, sent)
            if values is None:
                continue
            if route.method == method:
                return Found(route, values)
            methods.add(route.method)
        return Found(methods=frozenset(methods))


def _match(parts: list[str], sent: list[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for part, value in zip(parts, sent, strict=True):
        if part.startswith("{"):
            if not _ID.fullmatch(value):
                return None
            values[part[1:-1]] = value
        elif part != value:
            return None
    return values


def _missing(found: Found) -> ApiError:
    return method_not_allowed(found.methods) if found.methods else not_found()


def _serve(found: Found, incoming: Incoming, holder: Principal, state: State) -> Outgoing:
    try:
        if not state.allowed:
            raise rate_limit.refusal(state)
        if found.route is None:
            raise _missing(found)
        _require(found.route, holder)
        _require_sign_in(found.route, holder)
        query, body = api_call.query_of(found.route, incoming), api_call.body_of(found.route, incoming)
        return _handled(found.route, Call(incoming, holder, found.path, query, body))
    except (ApiError, DomainError) as refusal:
        error = _said(refusal, holder)
        refused.note(incoming, error, holder, kind="api")
        return respond(error)


def _require(route: Route, holder: Principal) -> None:
    """Refuse a credential without the route's scopes, and one that is not to be told of its person. Raises ApiError."""
    unknown = () if holder.has(api_call.ADMIN) else tuple(name for name in route.token_scopes if not holder.knows(name))
    bearer.require(holder, *route.scopes, *(unknown if holder.kind != "api_key" else ()))
    if unknown and holder.kind == "api_key":
        text = "An app made this key, and may not see this of your account itself. A key that you make may."
        raise Denied(text, "a key of an app without the scope account")


def _require_sign_in(route: Route, holder: Principal) -> None:
    """A token that makes or changes something is of a recent sign-in, if the operator wants that (RFC 9470).

    What only reads or ends something asks for none, nor does an API key, which has limits of its own (contract 12).
    """
    seconds = config.current().api_max_age
    if seconds and route.changes and holder.kind == "access_token":
        step_up.require(holder, Demand(max_age=seconds))


def _said(refusal: ApiError | DomainError, holder: Principal) -> ApiError:
    if isinstance(refusal, ApiError):
        return refusal
    if isinstance(refusal, BadCursor):
        return invalid_request("The parameter after is wrong: it is no `next` of an answer of this list.")
    context.current().log["msg"] = refusal.detail
    if isinstance(refusal, Denied):
        return denied(holder.kind, refusal)
    return translate(refusal)


def _rehearsed(route: Route, call: Call) -> Outgoing:
    """What a creation would answer, but for what is made anew each time."""
    with database.rehearsal():
        outgoing = route.handler(call)
    made = json.loads(outgoing.body)["data"]
    return api_call.one({name: value for name, value in made.items() if name not in route.rehearsed})


def _handled(route: Route, call: Call) -> Outgoing:
    if call.query.get("dry_run"):
        return _rehearsed(route, call)
    if route.changes and not call.is_admin:
        changes.spend(_changing(call))
    key = call.incoming.headers.get("idempotency-key")
    if not route.creates or key is None:
        return route.handler(call)
    place = f"{route.method} {call.incoming.path}"
    holder = f"{call.holder.counted_as} {call.holder.subject}"
    try:
        started = idempotency.start(holder, place, key, call.incoming.body)
    except ValueError:
        raise invalid_request("The Idempotency-Key has 1 to 255 visible ASCII characters.") from None
    if started.answer is not None:
        status, headers, body = started.answer
        return Outgoing(status, body.encode(), [*headers, ("Idempotency-Replayed", "true")])
    try:
        outgoing = route.handler(call)
    except (ApiError, DomainError):
        idempotency.abandon(started)
        raise
    idempotency.finish(started, outgoing.status, outgoing.headers, outgoing.body.decode())
    return outgoing


def _changing(call: Call) -> str:
    """Who answers for a change, whatever key or app it comes through."""
    return call.acting_id() or f"client {call.holder.client_id}"


def _open(route: Route, incoming: Incoming) -> Outgoing:
    body = api_call.body_of(route, incoming)
    return route.handler(Call(incoming, _NOBODY, {}, api_call.query_of(route, incoming), body))


_NOBODY = Principal(
    kind="", subject="", client_id=None, key_id=None, scopes=frozenset(), permission=None, owner_id=None, user=None,
    audiences=(), expires_at=None, rate_policy="", rate_key="", rate_limit="",
)  # fmt: skip


def _page_of_the_app(incoming: Incoming, outgoing: Outgoing) -> str | None:
    """The origin of a page that may read this: of the app whose token was sent, and never for an API key.

    A refusal that tells nothing but that the token was not good, and a preflight, are for the pages of any app.
    """
    said, origin = context.current().log, incoming.header("origin")
    if said.get("credential"):
        return origin if origin in cors_origins.of(str(said.get("client_id", ""))) else None
    if secrets.looks_like(incoming.header("authorization").rpartition(" ")[2], "ak"):
        return None
    told = outgoing.status >= 400 or cors.is_preflight(incoming)
    return cors.of_apps(incoming, outgoing) if told else None


_V1 = Endpoint(Api(ROUTES, resource_path=bearer.HERE).respond, None, api=True, cors=_page_of_the_app, room=API)
_DEMO = Endpoint(Api(DEMO_ROUTES, resource_path="/demo/v1").respond, None, api=True, cors=_page_of_the_app, room=API)


def _described() -> tuple[tuple[Route, ...], dict[str, json_schema.Schema]]:
    """Every operation that this installation has, and their schemas."""
    if not config.current().demo:
        return ROUTES, SCHEMAS
    return (*ROUTES, *DEMO_ROUTES), {**SCHEMAS, **demo_workflows.SCHEMAS}


def _document(incoming: Incoming) -> Outgoing:
    return openapi.respond(incoming, *_described())


ENDPOINTS: dict[str, Endpoint] = {
    "/v1": _V1,
    "/v1/": _V1,
    "/openapi.json": Endpoint(_document, frozenset({"GET"}), cacheable=True, api=True, cors=cors.any_origin, room=API),
}
DEMO_ENDPOINTS: dict[str, Endpoint] = {"/demo/v1/": _DEMO}


def document() -> dict[str, Any]:
    """The document of `/openapi.json` as an object."""
    return openapi.document(*_described())


docs.describe(document)
BLUEPRINTS = (docs.blueprint,)
