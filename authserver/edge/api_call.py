"""One call of the API: what a handler is given, what it answers, and what it says about itself in the document."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from authserver.domain.access import roles, scopes
from authserver.domain.clients import clients
from authserver.domain.ground import lists
from authserver.domain.ground.lists import Part, Rows
from authserver.domain.people import users
from authserver.domain.people.users import User
from authserver.edge import json_body, json_errors, json_schema
from authserver.edge.bearer import Principal
from authserver.edge.exchange import Incoming, Outgoing
from authserver.edge.json_schema import Schema
from authserver.errors import Denied, Invalid
from authserver.lib import durations, form_body

T = TypeVar("T")
ADMIN = "admin"
ACCOUNT = (scopes.ACCOUNT,)
"""What a token of an app needs to read where its person is signed in and what they use (contract 11.32)."""
SHARED = "This app changed hands, and its former owner's secrets work until their 24 hours are over."
MAX_PAGE = 1_000_000
DEFAULT_LIMIT, MAX_LIMIT = lists.LIMIT, 100
PAGING: Mapping[str, Schema] = {
    "page": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 1},
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "after": {
        "type": "string",
        "maxLength": lists.MAX_CURSOR,
        "description": "`pagination.next` of an earlier answer: what comes behind it, whatever was added since."
        " `page` is then left aside.",
    },
}
DRY_RUN: Mapping[str, Schema] = {
    "dry_run": {
        "type": "boolean",
        "default": False,
        "description": "Check everything and answer what would be made (200, without id and secret); make nothing.",
    }
}
OWNER: Mapping[str, Schema] = {
    "owner": {
        "type": "string",
        "maxLength": 100,
        "description": "Whose: a user id, or `all`. Other people's need the scope `admin`.",
    }
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose credential, limit and scopes are good. `path` holds the parts in braces of the route's path."""

    incoming: Incoming
    holder: Principal
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]

    @property
    def is_admin(self) -> bool:
        """Whether this credential may reach other people's things."""
        return self.holder.has(ADMIN)

    def person(self) -> User:
        """The person this credential acts for; a client that acts for itself has its owner's authority.

        Raises Denied where there is none.
        """
        owner_id = self.acting_id()
        found = users.find(owner_id) if owner_id else None
        if found is None or found.disabled_at is not None:
            raise Denied("This credential acts for nobody.", "a client without an owner, or its owner is disabled")
        return found

    def require_developer(self) -> None:
        """Refuse where the person behind this credential makes no apps, keys and webhooks here. Raises Denied."""
        roles.require_developer(self.person().role)

    def acting_id(self) -> str | None:
        """The id of the person with whose authority this is asked: of a client's own credential the client's owner.

        None for the installation's own clients. Raises Denied while a former owner's secrets open the app, too: else
        they would act in the new owner's name (contract 11.38).
        """
        holder = self.holder
        if holder.owner_id is not None or holder.client_id is None:
            return holder.owner_id
        client = clients.get(holder.client_id)
        if client.shared:
            raise Denied(SHARED, "an app whose former owner's secrets still work")
        return client.owner_id

    def signed_in_person(self) -> User:
        """The person who holds this credential; a client's own credential is nobody's. Raises Denied."""
        if self.holder.owner_id is None:
            raise Denied("This credential is no person's.", "a client's own credential")
        return users.get(self.holder.owner_id)

    def actor(self) -> User:
        """The person as whom domain verbs act: no administrator unless the credential itself is one."""
        found = self.person()
        if not self.is_admin and found.role != "user":
            found = users.as_plain(found)
        return found

    def whose(self, own: Callable[[], User] | None = None) -> str | None:
        """The user id to look at, None for everybody's; other people's need `admin`. Raises ApiError (403), Denied."""
        asked = self.query.get("owner")
        if asked == "all":
            self.require(ADMIN)
            return None
        mine = self.holder.owner_id
        if asked and asked != mine and (mine is None or asked != self.known_as(mine)):
            self.require(ADMIN)
            return str(asked)
        return (own or self.person)().id

    def known_as(self, user_id: str) -> str:
        """What this credential calls a person: an app with pairwise subjects knows its own by another id."""
        return self.holder.subject if user_id == self.holder.owner_id else user_id

    def reach(self) -> str | None:
        """Whose single things may be touched: the person's own, everybody's (None) for administrators."""
        return None if self.is_admin else self.person().id

    @property
    def part(self) -> Part:
        """Which part of a list is asked for."""
        query = self.query
        return Part(page=query["page"], limit=query["limit"], after=query.get("after", ""))

    def require(self, *scopes: str) -> None:
        """Raises ApiError (403) unless the credential has these scopes."""
        if not self.holder.scopes.issuperset(scopes):
            raise refused(self.holder, scopes)


def refused(holder: Principal, needed: Sequence[str]) -> json_errors.ApiError:
    """403 in the words of the credential's kind."""
    if holder.kind == "api_key":
        return json_errors.insufficient_permissions(needed)
    return json_errors.scope_insufficient(needed)


Handler = Callable[[Call], Outgoing]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: `path` with parts in braces, the scopes it needs, and its part of the OpenAPI document.

    `body` is the schema of the request, `answer` that of `data`; `many` answers a page of it. `creates` honours
    Idempotency-Key; with `rehearsed`, the members of its answer that are made anew each time, also `dry_run`. `open`
    needs no credential. `token_scopes` are needed on top by whatever is no API key. `raw` bodies come
    with a signature in a header and stay as they are.
    """

    method: str
    path: str
    handler: Handler
    scopes: tuple[str, ...]
    summary: str
    answer: Schema | None = None
    body: Schema | None = None
    query: Mapping[str, Schema] = field(default_factory=dict)
    status: int = 200
    many: bool = False
    creates: bool = False
    rehearsed: tuple[str, ...] = ()
    open: bool = False
    token_scopes: tuple[str, ...] = ()
    raw: bool = False
    errors: tuple[int, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it makes or changes something, so that rows are left; what only ends things does neither."""
        return self.method in ("POST", "PATCH") and not self.raw

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """The parameters of its query."""
        if self.rehearsed:
            return {**self.query, **DRY_RUN}
        return {**PAGING, **self.query} if self.many else self.query


def query_of(route: Route, incoming: Incoming) -> dict[str, Any]:
    """The parameters of the query, typed. Raises ApiError (400)."""
    try:
        sent = form_body.parse_query(incoming.query)
        if route.method != "GET":
            _require_meant(route, form_body.names(incoming.query), sent)
    except form_body.FormError as error:
        raise json_errors.invalid_request(f"The query is malformed: {error}.") from None
    values: dict[str, Any] = {}
    for name, schema in route.parameters.items():
        if name in sent:
            values[name] = _typed(name, sent[name], schema)
        elif "default" in schema:
            values[name] = schema["default"]
    return values


def _require_meant(route: Route, names: Collection[str], sent: Mapping[str, str]) -> None:
    """What changes something guesses nothing: a parameter without a value, or misspelt, must not mean the default."""
    if not set(route.parameters).issuperset(names):
        known = ", ".join(sorted(route.parameters)) or "none"
        raise json_errors.invalid_request(f"The query has a parameter that is not known here; known: {known}.")
    if empty := sorted(set(names) - sent.keys()):
        raise json_errors.invalid_request(f"The parameter {empty[0]} has no value: give it one, or leave it out.")


def body_of(route: Route, incoming: Incoming) -> dict[str, Any]:
    """The members of the body, checked. Raises ApiError (400), Invalid (422)."""
    if route.body is None or (route.raw and _is_signed(incoming)):
        return {}
    value = json_body.read(incoming)
    found = json_schema.problems(route.body, value)
    if found:
        raise Invalid("Check the members of the body.", problems={name or "body": text for name, text in found.items()})
    return dict(value)


def _is_signed(incoming: Incoming) -> bool:
    """Whether a signature came in a header, under whatever brand: only its handler knows which is the right one."""
    return any(name.startswith("x-") and name.endswith("-signature") for name in incoming.headers)


def one(data: Mapping[str, Any], status: int = 200) -> Outgoing:
    """An answer with one object."""
    return _json(status, {"data": data})


def many(rows: Rows[dict[str, Any]], total: int, call: Call) -> Outgoing:
    """An answer with a part of a list; `total` as `lists.read` counts, which the answer says (contract 11.56)."""
    paging: dict[str, Any] = {"page": call.query["page"], "limit": call.query["limit"], "total": total}
    if total > lists.COUNTED:
        paging["total_is_more"] = True
    if rows.next:
        paging["next"] = rows.next
    return _json(200, {"data": rows, "pagination": paging})


def paged(rows: Sequence[T], call: Call, facts: Callable[[T], dict[str, Any]], *, key: lists.Key[T]) -> Outgoing:
    """The part that was asked for, of a list that is whole and short, and sorted by `key`."""
    return many(lists.cut(rows, key=key, name=call.incoming.path, part=call.part).each(facts), len(rows), call)


def tag(facts: Mapping[str, Any], *names: str) -> tuple[str, str]:
    """The ETag of an object: of those of its members that somebody may change."""
    state = json.dumps([facts[name] for name in names]).encode()
    return "ETag", f'"{hashlib.sha256(state).hexdigest()[:20]}"'


def expected_tag(call: Call) -> str | None:
    """What If-Match asks for; None if anything goes."""
    said = call.incoming.header("if-match").strip()
    return None if said in ("", "*") else said


def nothing() -> Outgoing:
    """Done, and nothing to say."""
    return Outgoing(204)


def time(at: int | None) -> str | None:
    """Epoch seconds as ISO 8601."""
    return None if at is None else durations.iso(at)


def _json(status: int, body: Mapping[str, Any]) -> Outgoing:
    return Outgoing(status, json.dumps(body, ensure_ascii=False).encode(), [("Content-Type", "application/json")])


def _typed(name: str, text: str, schema: Schema) -> Any:
    value: Any = text
    if schema["type"] == "integer":
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else text
    elif schema["type"] == "boolean":
        value = {"true": True, "false": False}.get(text, text)
    if found := json_schema.problems(schema, value, name):
        raise json_errors.invalid_request(f"The parameter {name} is wrong: {found[name]}")
    return value
