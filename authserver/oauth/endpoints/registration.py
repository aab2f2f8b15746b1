"""POST /oauth/register, and GET, PUT, DELETE of what it made (RFC 7591, RFC 7592)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from authserver import config
from authserver.config import Settings
from authserver.domain.clients import self_registered
from authserver.domain.clients.clients import Client
from authserver.domain.clients.metadata import self_registration as metadata
from authserver.domain.clients.metadata.document import FIELD_OF
from authserver.domain.clients.self_registered import NotRegistered, Registered
from authserver.edge import json_body, machine
from authserver.edge.exchange import Incoming, Outgoing
from authserver.edge.json_errors import ApiError
from authserver.errors import Invalid
from authserver.oauth import request_rules
from authserver.observability import context

PATH = "/oauth/register"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# RFC 7592 section 2.2: what the server said, and nobody says to it.
_OURS = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")
_MEMBER_OF = {field: member for member, field in FIELD_OF.items()}
_QUOTES = str.maketrans({'"': "'", "\\": "/"})


def is_on(settings: Settings) -> bool:
    """Whether anybody registers apps here by themselves."""
    return settings.registration != "off"


def described(settings: Settings) -> dict[str, Any]:
    """Its members of the metadata."""
    return {"registration_endpoint": settings.issuer + PATH}


def respond(incoming: Incoming) -> Outgoing:
    """Register an app: with an initial access token, or where the setting says so, without."""
    return _translated(_presented(incoming), lambda: _register(incoming))


def respond_to_app(incoming: Incoming) -> Outgoing:
    """What an app does with its own registration, by its registration access token."""
    client_id = incoming.path.removeprefix(PATH + "/")
    work = _OF_METHOD["GET" if incoming.method == "HEAD" else incoming.method]
    if not _ID.fullmatch(client_id):  # nothing that a database could look for
        work = _unknown
    context.current().actor = f"client:{client_id}"[:100]
    return _translated(_presented(incoming), lambda: work(incoming, client_id))


def _register(incoming: Incoming) -> Outgoing:
    presented = _presented(incoming)
    self_registered.begin(presented)
    wanted = metadata.read(_object(incoming), vouched=bool(presented))
    made = self_registered.register(wanted, presented)
    context.current().log["client_id"] = made.client.id
    return _answer(201, _told(made))


def _read(incoming: Incoming, client_id: str) -> Outgoing:
    presented = _presented(incoming)
    row = self_registered.find(client_id, presented)
    return _answer(200, _told(Registered(row, None, presented)))


def _replace(incoming: Incoming, client_id: str) -> Outgoing:
    presented = _presented(incoming)
    row = self_registered.find(client_id, presented)
    document = _object(incoming)
    _require_its_own(document, row)
    wanted = metadata.read(document, vouched=row.registered_with is not None)
    return _answer(200, _told(self_registered.revise(client_id, presented, wanted)))


def _remove(incoming: Incoming, client_id: str) -> Outgoing:
    self_registered.remove(client_id, _presented(incoming))
    return Outgoing(204)


def _unknown(_incoming: Incoming, _client_id: str) -> Outgoing:
    raise NotRegistered("no id of an app")


_OF_METHOD: dict[str, Callable[[Incoming, str], Outgoing]] = {"GET": _read, "PUT": _replace, "DELETE": _remove}


def _presented(incoming: Incoming) -> str:
    return request_rules.bearer(incoming.header("authorization")) or ""


def _object(incoming: Incoming) -> dict[str, Any]:
    document = json_body.read(incoming)
    if not isinstance(document, dict) or not incoming.body:
        raise Invalid("The body is a JSON object, with redirect_uris at least.")
    return document


def _require_its_own(document: Mapping[str, Any], row: Client) -> None:
    """RFC 7592 section 2.2: the id is its own, the secret at most repeated, and what we said is left out."""
    if document.get("client_id") != row.id:
        raise Invalid("Check the metadata.", problems={"client_id": "It must be there, and be the app's own."})
    if said := [name for name in _OURS if name in document]:
        raise Invalid("Check the metadata.", problems={said[0]: "The server says this. Leave it out."})
    if "client_secret" in document and not self_registered.is_its_secret(row.id, document["client_secret"]):
        raise Invalid("Check the metadata.", problems={"client_secret": "It must be the present one, or left out."})


def _told(made: Registered) -> dict[str, Any]:
    """The client information response of RFC 7591 section 3.2.1 and RFC 7592 section 3; never a null."""
    row = made.client
    told: dict[str, Any] = {"client_id": row.id, "client_id_issued_at": row.created_at, **metadata.shown(row)}
    if made.secret:
        told |= {"client_secret": made.secret, "client_secret_expires_at": 0}
    return told | {
        "registration_access_token": made.token,
        "registration_client_uri": f"{config.current().issuer}{PATH}/{row.id}",
    }


def _answer(status: int, told: Mapping[str, Any]) -> Outgoing:
    return Outgoing(status, json.dumps(told).encode(), [("Content-Type", "application/json")])


def _challenge(presented: str) -> str:
    """Without an error code for who sent nothing that could be wrong (RFC 6750 section 3.1)."""
    challenge = f'Bearer realm="{config.current().slug}"'
    return f'{challenge}, error="invalid_token"' if presented else challenge


def _translated(presented: str, work: Callable[[], Outgoing]) -> Outgoing:
    """The errors of RFC 7591 section 3.2.2, and RFC 6750's for a token that is not good."""
    try:
        return work()
    except NotRegistered as refused:
        context.current().log["msg"] = refused.detail
        return machine.error(401, "invalid_token", refused.public, ("WWW-Authenticate", _challenge(presented)))
    except metadata.UnapprovedStatement as refused:
        return machine.error(400, "unapproved_software_statement", refused.public)
    except Invalid as refused:
        return _invalid(refused)
    except ApiError as refused:
        return machine.error(400, "invalid_client_metadata", refused.details or refused.message)


def _invalid(refused: Invalid) -> Outgoing:
    field, text = next(iter(refused.problems.items()), ("", refused.public))
    name = _MEMBER_OF.get(field.partition(".")[0], field.partition(".")[0])
    code = "invalid_redirect_uri" if name == "redirect_uris" else "invalid_client_metadata"
    said = (f"{name}: {text}" if name else text).translate(_QUOTES)
    return machine.error(400, code, said.encode("ascii", "replace").decode())
