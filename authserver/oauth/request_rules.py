"""What every protocol POST must be: a body alone, nothing repeated, one client authentication (traps T6, T9, T10)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload, OAuth2Request

from authserver import config
from authserver.domain.tokens import client_assertions
from authserver.edge.exchange import Incoming
from authserver.errors import Check
from authserver.lib import basic_auth, form_body, jwt
from authserver.oauth.errors import InvalidClient, InvalidRequest

# RFC 8707 section 2 alone lets a parameter come more than once.
REPEATABLE = frozenset({"resource"})
MAX_RESOURCES = 10
MAX_CLIENT_ID = 64  # the width of the column: nothing longer is looked up, or kept in a cache
# In a body that was refused, and that nobody reads as a form for it: decoding 64 kB of nonsense takes 75 ms.
_CLIENT_ID = re.compile(rb"(?:^|&)client_id=([A-Za-z0-9._-]{1,64})(?:&|$)")
A_FORM = "a form of application/x-www-form-urlencoded in UTF-8, each parameter once"
A_BASIC = "Basic and the base64 of client_id:client_secret, each of the two form-encoded before"
ASSERTION = frozenset({"client_assertion", "client_assertion_type"})


class ProtocolRequest(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A request as Authlib wants it, from a body that passed the rules."""

    def __init__(self, incoming: Incoming, fields: dict[str, str], resources: tuple[str, ...]) -> None:
        # Not Authlib's own: for each request it asks the environment whether http will do, which settings have judged.
        self.method, self.headers = incoming.method, incoming.headers
        self.uri = config.current().issuer + incoming.path
        self._body = self._scope = None
        self.auth_method: str | None = None
        self.client = self.user = None
        self.authorization_code = self.refresh_token = self.credential = None
        self.fields = fields
        self.resources = resources
        self.authorization = incoming.header("authorization")
        self.ip = incoming.ip
        self.received_us = incoming.received_us
        self.payload = BasicOAuth2Payload(fields)

    @property
    def form(self) -> dict[str, str]:
        return self.fields

    @property
    def args(self) -> dict[str, str]:
        return {}

    def need(self, name: str) -> str:
        """A parameter; InvalidRequest if it was not sent. `name` is ours, never input."""
        value = self.fields.get(name)
        if value is None:
            missing = Check(name.replace("_", " "), False, "one value, in the form body", "(nothing)")
            text = f"The parameter {name} is missing. Send it once, in the form body."
            raise InvalidRequest(text).because(missing).claimed_by(claimed_client_id(self))
        return value


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """How a client says who it is; `method` is a name of RFC 7591's `token_endpoint_auth_method`."""

    method: str
    client_id: str
    secret: str = ""
    assertion: str = ""


def read(incoming: Incoming) -> ProtocolRequest:
    """Parse the body by the rules. Raises InvalidRequest."""
    if incoming.query:
        text = f"Parameters are accepted in the body only. Send none in the query, and as the body {A_FORM}."
        raise _unread(incoming, text, Check("query", False, "none: parameters are in the body", "parameters"))
    try:
        fields = form_body.parse_multi(
            incoming.body, repeatable=REPEATABLE, content_type=incoming.headers.get("content-type")
        )
    except form_body.FormError as error:
        wrong = Check("form of the request", False, A_FORM, str(error))
        raise _unread(incoming, f"The request is malformed: {error}. Send {A_FORM}.", wrong) from None
    resources = tuple(dict.fromkeys(fields.pop("resource", ())))
    if len(resources) > MAX_RESOURCES:
        text = f"There may be at most {MAX_RESOURCES} values of resource. Ask for fewer at a time."
        many = Check("number of resources", False, f"at most {MAX_RESOURCES}", str(len(resources)))
        raise _unread(incoming, text, many)
    return ProtocolRequest(incoming, {name: values[0] for name, values in fields.items()}, resources)


def _unread(incoming: Incoming, text: str, check: Check) -> InvalidRequest:
    """The refusal of a request whose parameters count for nothing but to say whose it may be."""
    said = _CLIENT_ID.search(incoming.body)
    fields = {"client_id": said[1].decode("ascii") if said else ""}
    return InvalidRequest(text).because(check).claimed_by(_claimed(incoming.header("authorization"), fields))


def client_credentials(request: ProtocolRequest) -> ClientCredentials:
    """The one way in which the client authenticates. Raises InvalidRequest for two, InvalidClient for none."""
    fields = request.fields
    has_assertion = not ASSERTION.isdisjoint(fields)
    ways = bool(request.authorization) + ("client_secret" in fields) + has_assertion
    if ways > 1:
        raise _two_ways(request, has_assertion)
    if request.authorization:
        return _basic(request.authorization, fields.get("client_id", ""))
    if has_assertion:
        return _assertion(fields)
    if "client_id" not in fields:
        raise InvalidClient(by_header=False)
    if "client_secret" in fields:
        return ClientCredentials("client_secret_post", fields["client_id"], fields["client_secret"])
    return ClientCredentials("none", fields["client_id"])


def _assertion(fields: Mapping[str, str]) -> ClientCredentials:
    """RFC 7523 section 2.2; a `client_id` beside it is the same one (RFC 7521 section 4.2)."""
    client_id = fields.get("client_id", "")
    if fields.get("client_assertion_type") != client_assertions.TYPE:
        kind = Check("client_assertion_type", False, client_assertions.TYPE, "another one, or none")
        raise InvalidClient(by_header=False, client_id=client_id, checks=(kind,))
    try:
        said = client_assertions.claimed(fields.get("client_assertion", ""))
    except jwt.InvalidToken as refused:
        unread = Check("client assertion", False, "a JWT that the client signed", refused.reason)
        raise InvalidClient(by_header=False, client_id=client_id, checks=(unread,)) from None
    if client_id not in ("", said):
        differ = Check("client id", False, "the sub of the assertion", "another one")
        raise InvalidClient(by_header=False, client_id=client_id, checks=(differ,))
    return ClientCredentials("private_key_jwt", said, assertion=fields["client_assertion"])


def _two_ways(request: ProtocolRequest, has_assertion: bool) -> InvalidRequest:
    ways = (
        ("the Authorization header", bool(request.authorization)),
        ("client_secret in the body", "client_secret" in request.fields),
        ("a client assertion in the body", has_assertion),
    )
    found = Check("authentication method", False, "one way", " and ".join(way for way, used in ways if used))
    return (
        InvalidRequest(
            "Client authentication came in two ways. Send the Authorization header, or client_secret in the body,"
            " or a client assertion."
        )
        .because(found)
        .claimed_by(claimed_client_id(request))
    )


def claimed_client_id(request: ProtocolRequest) -> str:
    """The client that a request says it comes from, unproven; empty if it names none. For explanations alone."""
    return _claimed(request.authorization, request.fields)


def _claimed(header: str, fields: Mapping[str, str]) -> str:
    try:
        parsed = basic_auth.parse(header)
    except basic_auth.Malformed as error:
        return error.client_id or fields.get("client_id", "")
    return parsed[0] if parsed else fields.get("client_id", "")


def bearer(authorization: str) -> str | None:
    """The credential of an `Authorization: Bearer` header, or None for another scheme."""
    scheme, _, value = authorization.partition(" ")
    return value.strip(" ") if scheme.lower() == "bearer" else None


def _basic(header: str, client_id: str) -> ClientCredentials:
    try:
        parsed = basic_auth.parse(header)
    except basic_auth.Malformed as error:
        wrong = Check("Authorization header", False, A_BASIC, str(error))
        raise InvalidClient(by_header=True, client_id=error.client_id or client_id, checks=(wrong,)) from None
    if parsed is None:
        scheme = Check("authentication method", False, "Basic in the Authorization header", "another scheme")
        raise InvalidClient(by_header=True, client_id=client_id, checks=(scheme,))
    if client_id not in ("", parsed[0]):
        raise _two_names(parsed[0])
    if not parsed[1]:
        return ClientCredentials("none", parsed[0])  # an empty secret is no secret (RFC 6749 section 2.3.1)
    return ClientCredentials("client_secret_basic", *parsed)


def _two_names(client_id: str) -> InvalidRequest:
    text = "The client_id of the body is not that of the Authorization header. Leave client_id out of the body."
    differ = Check("client id", False, "the same in header and body", "two different ones")
    return InvalidRequest(text).because(differ).claimed_by(client_id)
