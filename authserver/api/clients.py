"""/v1/clients: OAuth clients in the words of RFC 7591 (scope settings:manage)."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from authserver import config
from authserver.domain.access import scopes
from authserver.domain.api_keys import wishes as key_wishes
from authserver.domain.clients import clients
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.metadata import Registration
from authserver.domain.limits import rate_limits
from authserver.domain.people import users
from authserver.edge import api_call
from authserver.edge.api_call import OWNER, Call, Route, many, nothing, one, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_errors import invalid_request
from authserver.edge.json_schema import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TEXTS,
    TIME,
    Schema,
    one_of,
    or_null,
    record,
    ref,
    shown,
)
from authserver.errors import Conflict, Denied, Invalid
from authserver.lib import scopes as grammar

NEEDED = ("settings:manage",)
DEFAULT_OVERLAP = 86_400
# A key of at least this life may make clients, which outlive it.
# Members that are credentials of a client, or say how it proves who it is, or where its codes are sent.
_CREDENTIALS = frozenset({"jwks", "jwks_uri", "token_endpoint_auth_method", "redirect_uris"})
_RFC_NAMES = {
    "name": "client_name", "homepage": "client_uri", "scopes": "scope", "id_token_alg": "id_token_signed_response_alg",
}  # fmt: skip
# What an answer tells besides the metadata: sent back, it changes nothing, but for `disabled`.
_NOT_METADATA = frozenset({"disabled", "updated_at"})


def index(call: Call) -> Outgoing:
    """Clients, newest first."""
    owner_id = call.whose()
    owner = None if owner_id is None else users.find(owner_id)
    if owner_id is not None and owner is None:
        return many([], 0, call)
    rows, total = clients.owned_by(
        owner,
        search=call.query.get("q", ""),
        status=call.query.get("status", ""),
        page=call.query["page"],
        limit=call.query["limit"],
    )
    return many([facts(row.client) for row in rows], total, call)


def create(call: Call) -> Outgoing:
    """Register a client; its secret is in this answer alone."""
    _require_unrestricted(call)
    with _own_names():
        wanted = _wanted(call.body)
        _require_within(call, wanted.scopes)
        row, secret = clients.register(call.actor(), wanted)
    answer = one({**facts(row), **_secret(secret)}, 201)
    answer.headers += [("Location", f"/v1/clients/{row.id}"), _etag(row)]
    return answer


def show(call: Call) -> Outgoing:
    """One client."""
    return _shown(_visible(call))


def change(call: Call) -> Outgoing:
    """Change the members that are sent; with If-Match only if nobody changed it since."""
    row = _visible(call)
    if not _CREDENTIALS.isdisjoint(call.body):
        _require_unrestricted(call)
    with _own_names():
        wanted = _merged(row, call.body)
        _require_within(call, (*row.scopes, *wanted.scopes), introspects=row.introspect_all)
        row = clients.revise(call.actor(), row.id, wanted, version=_version(call))
    if (stop := call.body.get("disabled")) is not None:
        row = (clients.disable if stop else clients.enable)(call.actor(), row.id)
    return _shown(row)


def remove(call: Call) -> Outgoing:
    """Delete a client; it and all its tokens stop."""
    clients.remove(call.actor(), call.path["id"])
    return nothing()


def list_secrets(call: Call) -> Outgoing:
    """The secrets of a client, newest first; never themselves."""
    return api_call.paged([_secret_facts(each) for each in client_secrets.of(_visible(call).id)], call)


def rotate_secret(call: Call) -> Outgoing:
    """A new secret; the present one works on for `overlap_seconds`."""
    _require_unrestricted(call)
    row = _visible(call)
    _require_within(call, row.scopes, introspects=row.introspect_all)
    if row.public:
        raise Conflict("A client of this kind has no secret.")
    overlap = call.body.get("overlap_seconds", DEFAULT_OVERLAP)
    made = client_secrets.rotate(call.actor(), row.id, overlap, force=call.body.get("force", False))
    newest = client_secrets.active(row.id)[0]
    said = {"id": newest.id, "client_id": row.id, **_secret(made.secret)}
    return one({**said, "previous_ends_at": time(made.previous_ends_at)}, 201)


def end_secret(call: Call) -> Outgoing:
    """End one of two secrets at once."""
    client_secrets.revoke(call.actor(), _visible(call).id, call.path["secret_id"])
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


def _wanted(document: Mapping[str, Any]) -> Registration:
    # null means: as if it were not sent (RFC 7591 section 2).
    given = {name: value for name, value in document.items() if value is not None and name not in _NOT_METADATA}
    return client_metadata.from_document(given)


def _merged(row: clients.Client, body: Mapping[str, Any]) -> Registration:
    """What the client is to be: as before, but for the members that were sent."""
    before = clients.registration_of(row)
    wanted = _wanted({**client_metadata.to_document(row), **body})
    same = wanted.scopes == before.scopes
    return dataclasses.replace(
        wanted,
        response_modes=before.response_modes,
        default_scopes=before.default_scopes if same else None,
        optional_scopes=tuple(name for name in before.optional_scopes if name in wanted.scopes),
    )


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


def _require_within(call: Call, names: Iterable[str], *, introspects: bool = False) -> None:
    """No credential makes, changes or renews one that can do more than itself (contract 11.2).

    What is about who somebody is can be left to people: nobody holds it without their consent. An app that may check
    every credential (`introspects`) can do what the scope `introspect` allows.
    """
    if introspects and not (call.is_admin or call.holder.has("introspect")):
        text = "This app may check every credential: changing it needs a credential that may do so, too."
        raise Invalid(text, problems={"introspect_all": text})
    known = scopes.all()
    beyond = [name for name in names if name in known and known[name].level != "identity"]
    if not set(beyond) <= call.holder.scopes:
        text = "A credential cannot give an app scopes that it lacks itself."
        raise Invalid(text, problems={"scope": f"{text} Ask for at most: {grammar.join(sorted(call.holder.scopes))}."})


def _require_unrestricted(call: Call) -> None:
    """A client knows no networks and no end and has a limit of its own: a restriction would be lifted by making one.

    So decision 14 has it. Raises Denied, with a sentence that names the restriction.
    """
    holder, settings = call.holder, config.current()
    limits = (settings.rate_limit_oauth, settings.rate_limit_jwt)
    restriction = ""
    if holder.allowed_networks:
        restriction = f"works from {', '.join(holder.allowed_networks)} only"
    elif holder.own_limit and not all(rate_limits.within(each, holder.rate_limit) for each in limits):
        restriction = f"has a limit of its own, {holder.rate_limit}"
    elif holder.short_lived:
        restriction = f"was made for less than {key_wishes.SHORT_LIFE // key_wishes.DAY} days"
    if restriction:
        raise Denied(f"This credential {restriction}; a client's secrets and keys would know no such restriction.")


def _visible(call: Call) -> clients.Client:
    return clients.visible_to(call.actor(), call.path["id"])


def _shown(row: clients.Client) -> Outgoing:
    answer = one(facts(row))
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


def _secret(secret: str | None) -> dict[str, Any]:
    return {"client_secret": secret, "client_secret_expires_at": 0} if secret else {}


def _secret_facts(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "hint": row.hint,
        "created_at": time(row.created_at),
        "expires_at": time(row.expires_at),
        "revoked_at": time(row.revoked_at),
        "last_used_at": time(row.last_used_at),
        "last_used_ip": row.last_used_ip or None,
    }


_METADATA: dict[str, Schema] = {
    "client_name": {"type": "string", "maxLength": 100},
    "client_uri": STRING,
    "redirect_uris": TEXTS,
    "post_logout_redirect_uris": TEXTS,
    "token_endpoint_auth_method": STRING,
    "grant_types": TEXTS,
    "response_types": TEXTS,
    "scope": STRING,
    "contacts": TEXTS,
    "policy_uri": STRING,
    "tos_uri": STRING,
    "jwks": OBJECT,
    "jwks_uri": STRING,
    "application_type": STRING,
    "id_token_signed_response_alg": STRING,
    "description": STRING,
    "allowed_cors_origins": TEXTS,
    "resources": TEXTS,
    "access_token_format": STRING,
    "access_token_ttl": INTEGER,
    "require_pkce": BOOLEAN,
    "skip_consent": BOOLEAN,
    "introspect_all": BOOLEAN,
    "resource_server_for": TEXTS,
}
_ASKED = {name: or_null(schema) for name, schema in _METADATA.items()}
_CHANGED = {**_ASKED, "disabled": BOOLEAN}
_OWN: dict[str, Schema] = {
    "client_id": STRING,
    "client_id_issued_at": {**INTEGER, "description": "Epoch seconds."},
    **_METADATA,
    "kind": STRING,
    "owner_id": or_null(STRING),
    "disabled": BOOLEAN,
    "updated_at": TIME,
}
_ALWAYS = ("client_id", "client_id_issued_at", "client_name", "kind", "owner_id", "disabled", "updated_at")
_ROTATION = record(
    {
        "overlap_seconds": {**INTEGER, "minimum": 0, "maximum": client_secrets.MAX_OVERLAP, "default": DEFAULT_OVERLAP},
        "force": {**BOOLEAN, "description": "End the older of two secrets that both still work."},
    }
)
SCHEMAS: dict[str, Schema] = {
    "Client": record(_OWN, *_ALWAYS, open=True, about="RFC 7591 section 2; what has no value is left out."),
    "NewClient": record(
        {**_OWN, "client_secret": STRING, "client_secret_expires_at": INTEGER}, *_ALWAYS, open=True,
        about="A client that was just registered: the only answer with `client_secret`.",
    ),
    "ClientSecret": shown(
        {
            "id": STRING, "hint": STRING, "created_at": TIME, "expires_at": or_null(TIME), "revoked_at": or_null(TIME),
            "last_used_at": or_null(TIME), "last_used_ip": or_null(STRING),
        }
    ),
    "NewClientSecret": shown(
        {
            "id": STRING, "client_id": STRING, "client_secret": STRING, "client_secret_expires_at": INTEGER,
            "previous_ends_at": or_null(TIME),
        }
    ),
}  # fmt: skip
_FILTERS: dict[str, Schema] = {
    "status": one_of("active", "disabled", "deleted"),
    "q": {"type": "string", "maxLength": 100, "description": "Part of the name or id."},
}
_NEW, _CHANGE = record(_ASKED, "client_name", open=True), record(_CHANGED, open=True)
ROUTES = (
    Route("GET", "/v1/clients", index, NEEDED, "List clients", ref("Client"), query={**OWNER, **_FILTERS}, many=True),
    Route("POST", "/v1/clients", create, NEEDED, "Register a client", ref("NewClient"), _NEW,
          status=201, creates=True, rehearsed=("client_id", "client_secret"), errors=(409, 422)),
    Route("GET", "/v1/clients/{id}", show, NEEDED, "Show a client", ref("Client"), errors=(404,)),
    Route("PATCH", "/v1/clients/{id}", change, NEEDED, "Change a client", ref("Client"), _CHANGE,
          errors=(404, 409, 422)),
    Route("DELETE", "/v1/clients/{id}", remove, NEEDED, "Delete a client", status=204, errors=(404,)),
    Route("GET", "/v1/clients/{id}/secrets", list_secrets, NEEDED, "List secrets", ref("ClientSecret"),
          many=True, errors=(404,)),
    Route("POST", "/v1/clients/{id}/secrets", rotate_secret, NEEDED, "Rotate the secret", ref("NewClientSecret"),
          _ROTATION, status=201, creates=True, errors=(404, 409, 422)),
    Route("DELETE", "/v1/clients/{id}/secrets/{secret_id}", end_secret, NEEDED, "End a secret",
          status=204, errors=(404, 409)),
)  # fmt: skip
