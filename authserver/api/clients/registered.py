"""/v1/clients: OAuth clients in the words of RFC 7591."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from authserver import database
from authserver.api.clients import reach
from authserver.domain.clients import clients, endings, ownership
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.clients.metadata import Registration
from authserver.domain.ground.lists import Rows
from authserver.domain.people import users
from authserver.domain.tokens import app_makings
from authserver.edge import restricted
from authserver.edge.api_call import ADMIN, Call, many, nothing, one, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_errors import invalid_request
from authserver.errors import Invalid

_WORDS = frozenset({"client_name", "client_uri", "contacts", "policy_uri", "tos_uri", "description", "disabled"})
"""Members that are words about a client, or stop it: every other one says what it may, or to whom that is lent."""
_RFC_NAMES = {
    "name": "client_name", "homepage": "client_uri", "scopes": "scope", "id_token_alg": "id_token_signed_response_alg",
    "userinfo_alg": "userinfo_signed_response_alg", "introspection_alg": "introspection_signed_response_alg",
    "request_object_alg": "request_object_signing_alg", "auth_signing_alg": "token_endpoint_auth_signing_alg",
}  # fmt: skip
# What an answer tells besides the metadata: sent back, it changes nothing, but for `disabled`.
_NOT_METADATA = frozenset({"disabled", "updated_at", "ignored_keys"})


def index(call: Call) -> Outgoing:
    """Clients, newest first."""
    owner_id = call.whose()
    owner = None if owner_id is None else users.find(owner_id)
    if owner_id is not None and owner is None:
        return many(Rows(), 0, call)
    rows, total = clients.owned_by(
        owner,
        search=call.query.get("q", ""),
        status=call.query.get("status", ""),
        **call.part,
    )
    return many(rows.each(lambda row: facts(row.client)), total, call)


def _widens(call: Call) -> bool:
    return not _WORDS.issuperset(call.body) or call.body.get("disabled") is False


@restricted.for_developers
@restricted.makes(reach.MADE)
def create(call: Call) -> Outgoing:
    """Register a client; its secret is in this answer alone."""
    with _own_names():
        wanted = _wanted(call.body)
        reach.require_within(call, wanted.scopes)
        row, made = clients.register(call.actor(), wanted)
    answer = one({**facts(row), **secret(made), **_ignored(wanted)}, 201)
    answer.headers += [("Location", f"/v1/clients/{row.id}"), _etag(row)]
    return answer


def show(call: Call) -> Outgoing:
    """One client."""
    return _shown(visible(call))


@restricted.makes(reach.MADE, when=_widens)
def change(call: Call) -> Outgoing:
    """Change the members that are sent; with If-Match only if nobody changed it since."""
    by, row = call.actor(), visible(call)
    with _own_names():
        wanted = _merged(row, call.body)
        reach.require_within(call, (*row.scopes, *wanted.scopes), introspects=row.introspect_all)
    with database.together(), _own_names():  # all of it or nothing
        row = clients.revise(by, row.id, wanted, version=_version(call))
        if (stop := call.body.get("disabled")) is not None:
            row = (endings.disable if stop else endings.enable)(by, row.id)
    return _shown(row, **_ignored(wanted))


def remove(call: Call) -> Outgoing:
    """Delete a client; it and all its tokens stop; asked to by an administrator, what it made for people, too."""
    end_made = call.query.get("end_made", False)
    if end_made:
        call.require(ADMIN, "keys:manage")
    row = endings.remove(call.actor(), call.path["id"])
    if end_made:
        app_makings.end_all_of([row.id])
    return nothing()


def facts(row: clients.Client) -> dict[str, Any]:
    """A client as RFC 7591 names its members, and what we know besides."""
    return {
        "client_id": row.id,
        "client_id_issued_at": row.created_at,
        **client_metadata.to_document(row),
        "kind": row.kind,
        "owner_id": row.owner_id,
        "disabled": row.disabled_at is not None,
        "updated_at": time(row.updated_at),
    }


def visible(call: Call) -> clients.Client:
    return ownership.visible_to(call.actor(), call.path["id"])


def secret(value: str | None) -> dict[str, Any]:
    return {"client_secret": value, "client_secret_expires_at": 0} if value else {}


def _wanted(document: Mapping[str, Any]) -> Registration:
    # null means: as if it were not sent (RFC 7591 section 2).
    given = {name: value for name, value in document.items() if value is not None and name not in _NOT_METADATA}
    return client_metadata.from_document(given)


def _merged(row: clients.Client, body: Mapping[str, Any]) -> Registration:
    """What the client is to be: as before, but for the members that were sent."""
    before = clients.registration_of(row)
    wanted = _wanted({**client_metadata.to_document(row), **body})
    follows: dict[str, Any] = {}
    if "default_scopes" not in body:
        follows["default_scopes"] = before.default_scopes if wanted.scopes == before.scopes else None
    if "optional_scopes" not in body:
        left = set(wanted.scopes) - set(wanted.required_scopes)
        follows["optional_scopes"] = tuple(name for name in before.optional_scopes if name in left)
    return dataclasses.replace(wanted, **follows)


@contextlib.contextmanager
def _own_names() -> Iterator[None]:
    """Problems under the names of RFC 7591."""
    try:
        yield
    except Invalid as refusal:
        renamed = {_named(name): text for name, text in refusal.problems.items()}
        raise Invalid(refusal.public, refusal.detail, problems=renamed) from None


def _named(field: str) -> str:
    name, dot, row = field.partition(".")
    return _RFC_NAMES.get(name, name) + dot + row


def _ignored(wanted: Registration) -> dict[str, Any]:
    """Which keys of the set that was sent are not kept, where there are such."""
    sentences = client_metadata.ignored_keys(wanted.jwks)
    return {"ignored_keys": sentences} if sentences else {}


def _shown(row: clients.Client, **more: Any) -> Outgoing:
    answer = one({**facts(row), **more})
    answer.headers.append(_etag(row))
    return answer


def _etag(row: clients.Client) -> tuple[str, str]:
    return "ETag", f'"{row.version}"'


def _version(call: Call) -> int | None:
    text = call.incoming.header("if-match").strip().strip('"')
    if text in ("", "*"):
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid_request("If-Match takes the ETag of an earlier answer.")
    return int(text)
