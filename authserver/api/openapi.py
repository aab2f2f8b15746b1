"""/openapi.json: what this server offers to programs, as OpenAPI 3.1; a test holds it equal to the routes."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from authserver import config
from authserver.edge import documents, json_errors
from authserver.edge.api_call import Route
from authserver.edge.exchange import Incoming, Outgoing
from authserver.edge.json_schema import BOOLEAN, INTEGER, OBJECT, STRING, Schema, one_of, record, ref, shown
from authserver.lib.documents import Document

MAX_AGE = 300
_PART = re.compile(r"\{([a-z_]+)\}")
_ID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,100}$"}
_TEXTS = {
    400: "The request is malformed", 401: "There is no credential, or it is not good", 403: "It may not do this",
    404: "There is no such thing, or it is somebody else's", 405: "Another method is needed",
    409: "Something else happened first", 413: "The body is too large", 422: "A member breaks a rule",
    429: "The limit is reached", 500: "A fault of ours", 503: "Something we need does not answer",
}  # fmt: skip
_ALWAYS = (400, 401, 403, 413, 429, 500, 503)
_BY_METHOD = {"GET": "get", "PUT": "replace"}
_VERBS = {"change": "update", "remove": "delete"}  # other handlers have the name themselves
_ALWAYS_MANY = ("analytics",)
_EARLY = (400, 401, 413, 500, 503)  # may come before anybody looked who is asking
_LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_ERROR: Schema = record(
    {
        "error": record(
            {
                "code": one_of(*json_errors.CODES), "message": STRING, "details": STRING, "request_id": STRING,
                "retry_after": INTEGER,
                "problems": {"type": "object", "additionalProperties": STRING},
            },
            "code", "message", "details", "request_id",
        )
    },
    "error",
)  # fmt: skip
_OAUTH_ERROR: Schema = record({"error": STRING, "error_description": STRING}, "error", open=True)
_PAGINATION: Schema = record(
    {
        "page": INTEGER,
        "limit": INTEGER,
        "total": {**INTEGER, "description": "Exact to 1,000."},
        "total_is_more": {**BOOLEAN, "description": "There are more than 1,000; `total` is then 1001."},
        "next": {**STRING, "description": "For `after`: what comes behind. Left out at the end."},
    },
    "page",
    "limit",
    "total",
)


def respond(incoming: Incoming, routes: Sequence[Route], schemas: Mapping[str, Schema]) -> Outgoing:
    """The document, cacheable; made once for each installation."""
    settings = config.current()
    made_for = (settings.issuer, settings.brand, len(routes))
    if made_for not in _made:
        _made[made_for] = Document.of(json.dumps(document(routes, schemas), ensure_ascii=False).encode())
    return documents.answer(incoming, _made[made_for], "application/json", caching=documents.public(MAX_AGE))


_made: dict[tuple[str, str, int], Document] = {}


def document(routes: Sequence[Route], schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """The document as an object."""
    settings = config.current()
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    for path, operations in _protocol().items():
        paths[path] = operations
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{settings.brand} API",
            "version": importlib.metadata.version("authserver"),
            "description": "Every request carries `Authorization: Bearer` with an API key, an access token or a JWT. "
            "One object is `{data}`, a list `{data, pagination}`, an error `{error}`.",
        },
        "servers": [{"url": settings.issuer}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(path) for path in paths)],
        "paths": paths,
        "components": {
            "schemas": {
                **schemas,
                "Error": _ERROR,
                "OAuthError": _OAUTH_ERROR,
                "Pagination": _PAGINATION,
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "client": {"type": "http", "scheme": "basic", "description": "Client id and secret, RFC 6749 2.3.1."},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation_id(route),
        "tags": [_tag(route.path)],
        "summary": route.summary,
        "responses": _responses(route),
        "security": [] if route.open else [{"bearer": list(route.scopes)}],
    }
    if route.scopes:
        made["description"] = f"Needs {', '.join(f'`{scope}`' for scope in route.scopes)}."
    if route.token_scopes:
        needs = f"A token of an app needs {', '.join(f'`{scope}`' for scope in route.token_scopes)}."
        made["description"] = f"{made.get('description', '')} {needs}".strip()
    parameters = [*_path_parameters(route.path), *_query_parameters(route), *_header_parameters(route)]
    if parameters:
        made["parameters"] = parameters
    if route.body is not None:
        made["requestBody"] = {
            "required": bool(route.body.get("required")), "content": {"application/json": {"schema": route.body}}
        }  # fmt: skip
    return made


def operation_id(route: Route) -> str:
    """What a generated client calls it, such as rotate_api_key: what the handler does, to what its path names.

    It is read out of both, so that it is the same in every release that keeps them.
    """
    did = route.handler.__name__.partition("_")[0]
    segments = [part for part in route.path.split("/") if part][2 if route.path.startswith("/demo/") else 1 :]
    if segments[-1] == did and route.method != "GET":
        segments.pop()  # …/{id}/rotate
    nouns = [part for part in segments if not part.startswith("{")]
    nouns = [*map(_one, nouns[:-1]), nouns[-1] if route.many else _one(nouns[-1])]
    return "_".join([_verb(route, did), *nouns]).replace("-", "_")


def _verb(route: Route, did: str) -> str:
    if route.many:
        return "list"
    return _BY_METHOD.get(route.method) or _VERBS.get(did, did)


def _one(noun: str) -> str:
    if noun in _ALWAYS_MANY:
        return noun
    return f"{noun[:-3]}y" if noun.endswith("ies") else noun.removesuffix("s")


def _tag(path: str) -> str:
    parts = path.split("/")
    return "demo" if parts[1] == "demo" else parts[2] if parts[1] == "v1" else "protocol"


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": _ID} for name in _PART.findall(path)]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": schema} for name, schema in route.parameters.items()]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    if route.method == "PATCH":
        text = "The ETag of an earlier answer: 409 if the object was changed since."
        return [{"name": "If-Match", "in": "header", "schema": STRING, "description": text}]
    if not route.creates:
        return []
    schema = {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"}
    text = "Repeat it with the same body to get the same answer, for ten minutes; nothing is made twice."
    return [{"name": "Idempotency-Key", "in": "header", "schema": schema, "description": text}]


def _responses(route: Route) -> dict[str, Any]:
    errors = set(route.errors) | (set(_ALWAYS) - {401, 403} if route.open else set(_ALWAYS))
    if route.creates:
        errors |= {409, 422}
    if route.body is not None:
        errors.add(422)
    rehearsed = {"200": _answer("What would be made: `dry_run`", shown({"data": OBJECT}), limited=True)}
    return (
        {str(route.status): _success(route)}
        | (rehearsed if route.rehearsed else {})
        | {
            str(status): _answer(_TEXTS[status], ref("Error"), limited=not route.open, known=status not in _EARLY)
            for status in sorted(errors)
        }
    )


def _success(route: Route) -> dict[str, Any]:
    if route.answer is None:
        return {"description": "Done", **_headers(limited=not route.open)}
    if route.many:
        listed = shown({"data": {"type": "array", "items": route.answer}, "pagination": ref("Pagination")})
        return _answer("A page of the list", listed, limited=True)
    return _answer("Done", shown({"data": route.answer}), limited=not route.open)


def _answer(text: str, schema: Schema, *, limited: bool, known: bool = True) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"description": text, "content": content, **_headers(limited=limited, known=known)}


def _headers(*, limited: bool, known: bool = True) -> dict[str, Any]:
    """The headers of a limit; `known` False: only where the credential was recognised, as not on most 401s."""
    if not limited:
        return {}
    said: dict[str, Any] = {"schema": STRING, "required": known}
    if not known:
        said["description"] = "Only where the credential was recognised."
    return {"headers": dict.fromkeys(_LIMIT_HEADERS, said)}


# The protocol's endpoints, whose forms and errors are those of their RFCs.


def _form(members: Mapping[str, Schema], *required: str) -> dict[str, Any]:
    schema = record(members, *required, open=True)
    del schema["additionalProperties"]  # others are allowed all the same, and generators stumble over the word
    return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}


def _of_protocol(
    method: str, name: str, summary: str, *, form: dict[str, Any] | None = None, security: str = "client",
    errors: tuple[int, ...] = (400, 401, 429, 503),
) -> dict[str, Any]:  # fmt: skip
    made: dict[str, Any] = {
        "operationId": name,
        "tags": ["protocol"],
        "summary": summary,
        "security": [{security: []}] if security else [],
        "responses": {
            "200": _answer("Done", OBJECT, limited=False),
            **{str(status): _answer(_TEXTS[status], ref("OAuthError"), limited=False) for status in errors},
        },
    }
    if form:
        made["requestBody"] = form
    return {method: made}


def _introspection(token: Mapping[str, Schema]) -> dict[str, Any]:
    """Beside RFC 7662: bearer callers with the scope `introspect`, the limit's state, the client's address."""
    form = {
        **token,
        "rate_limit": {**one_of("consume"), "description": "Count this look as a request of the credential's."},
        "client_ip": {**STRING, "description": "The address of the API's client, by which an API key's "
                      "`allowed_networks` are judged; left out: the API's own. Names no port and no zone."},
    }  # fmt: skip
    made = _of_protocol(
        "post", "introspect_token", "What a credential says (RFC 7662)", form=_form(form, "token"),
        errors=(400, 401, 403, 429, 503),
    )  # fmt: skip
    made["post"]["security"] = [{"client": []}, {"bearer": ["introspect"]}]
    made["post"]["description"] = (
        "Clients authenticate as at the token endpoint; a bearer credential needs the scope `introspect`, else the "
        'answer is 403 `insufficient_scope`. Whatever is not for the caller: `{"active": false}`.'
    )
    return made


def _protocol() -> dict[str, dict[str, Any]]:
    token = {"token": STRING, "token_type_hint": STRING}
    request = {
        "grant_type": STRING, "code": STRING, "redirect_uri": STRING, "code_verifier": STRING, "refresh_token": STRING,
        "scope": STRING, "resource": STRING, "client_id": STRING, "client_secret": STRING,
        "client_assertion_type": STRING, "client_assertion": STRING, "device_code": STRING,
    }  # fmt: skip
    discovery: dict[str, Any] = {"security": "", "errors": (503,)}
    return {
        "/.well-known/oauth-authorization-server": _of_protocol(
            "get", "get_server_metadata", "Server metadata (RFC 8414)", **discovery
        ),
        "/.well-known/openid-configuration": _of_protocol(
            "get", "get_openid_configuration", "OpenID provider metadata", **discovery
        ),
        "/.well-known/oauth-protected-resource": _of_protocol(
            "get", "get_resource_metadata", "What this server needs as an API (RFC 9728)", **discovery
        ),
        "/.well-known/oauth-protected-resource/v1": _of_protocol(
            "get", "get_api_metadata", "What the API under /v1 needs (RFC 9728)", **discovery
        ),
        "/.well-known/jwks.json": _of_protocol(
            "get", "get_jwks", "Keys that verify tokens (RFC 7517)", **discovery
        ),
        "/oauth/token": _of_protocol(
            "post", "request_token", "Get tokens (RFC 6749 section 3.2)", form=_form(request, "grant_type")
        ),
        "/oauth/introspect": _introspection(token),
        "/oauth/revoke": _of_protocol("post", "revoke_token", "Revoke a token (RFC 7009)", form=_form(token, "token")),
        "/oauth/userinfo": {
            **_of_protocol("get", "get_userinfo", "Who signed in (OpenID Connect)", security="bearer",
                           errors=(401, 403, 503)),
            **_of_protocol("post", "get_userinfo_by_post", "The same by POST", security="bearer",
                           errors=(401, 403, 503)),
        },
        "/openapi.json": _of_protocol("get", "get_openapi", "This document", **discovery),
    }  # fmt: skip
