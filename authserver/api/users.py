"""/v1/users: people (scope admin), and oneself with any credential of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authserver import database
from authserver.domain.access import roles
from authserver.domain.people import addresses, departures, living, names, standard_claims, users
from authserver.domain.people.users import User
from authserver.edge import restricted
from authserver.edge.api_call import ADMIN, Call, Route, many, nothing, one, paged, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_errors import invalid_request
from authserver.edge.json_schema import BOOLEAN, STRING, TIME, Schema, one_of, or_null, record, ref, shown
from authserver.errors import Invalid, NotFound

NEEDED = (ADMIN,)
NAMES = ("name", "given_name", "family_name")
_GIVEN = (*NAMES, "username", "role")
_CLAIMS = (*standard_claims.LABELS, "address")


def index(call: Call) -> Outgoing:
    """Everybody who is not deleted, newest first, or those in a state; without `admin` oneself alone."""
    if not call.is_admin:
        return paged([call.signed_in_person()], call, lambda row: facts(row, call), key=lambda row: (row.id,))
    asked = call.query
    rows, total = users.page(asked.get("q", ""), state=asked.get("state", ""), **call.part)
    return many(rows.each(lambda row: facts(row, call)), total, call)


def show(call: Call) -> Outgoing:
    """One person."""
    asked, own = call.path["id"], call.holder.owner_id
    asked = own if own is not None and asked == call.holder.subject else asked
    if not call.is_admin and asked != own:
        raise NotFound("There is no such person.")
    return one(facts(users.get(asked), call))


@restricted.makes("people and their links")
def create(call: Call) -> Outgoing:
    """An account without a password, and the one-time link with which its person chooses one."""
    asked = call.body
    given = {name: asked[name] for name in _GIVEN if name in asked}
    user, link = users.invite(asked["email"], verified=asked.get("email_verified", False), **given)
    answer = one({**facts(user, call), "welcome_link": link}, 201)
    answer.headers.append(("Location", f"/v1/users/{user.id}"))
    return answer


def _empowers(call: Call) -> bool:
    """More than names: apps link accounts by the username and by an address that is vouched for."""
    asked = call.body
    vouched, enabled = asked.get("email_verified") is True, asked.get("disabled") is False
    return "role" in asked or "username" in asked or vouched or enabled


@restricted.makes("people and their roles", when=_empowers)
def change(call: Call) -> Outgoing:
    """Rename, give another username or role, disable or enable."""
    by_id = call.acting_id()
    with database.together():  # all of it or nothing
        user_id = living.get(call.path["id"]).id
        _apply(user_id, call.body, by_id)
    return one(facts(users.get(user_id), call))


def _apply(user_id: str, asked: Mapping[str, Any], by_id: str | None) -> None:
    # All administrators first: whoever locks one person before them could wait in a circle.
    if "role" in asked or asked.get("disabled") is True:
        users.hold_administrators()
    if "role" in asked:
        users.set_role(user_id, asked["role"], by_id=by_id)
    if asked.get("disabled") is True:
        users.disable(user_id, by_id=by_id)
    elif "disabled" in asked:
        users.enable(user_id)
    if "username" in asked:
        names.set_username(user_id, asked["username"])
    names.rename(user_id, **{name: asked[name] for name in NAMES if name in asked})
    standard_claims.change(user_id, {name: asked[name] for name in _CLAIMS if name in asked})
    if "email_verified" in asked:
        addresses.set_email_verified(user_id, asked["email_verified"])


# A restricted credential deletes nobody either: the apps would be somebody else's for good.
@restricted.makes("what becomes of people and their apps")
def remove(call: Call) -> Outgoing:
    """End everything of a person at once; for seven days they can be restored, then their data is erased."""
    try:
        heir_id = departures.choice(call.query["apps"])
    except Invalid as refused:  # a parameter, so that it is the request that is wrong
        raise invalid_request(f"The parameter apps is wrong. {refused.public}") from None
    departures.delete(users.get(call.path["id"]).id, heir_id=heir_id, by_id=call.acting_id())
    return nothing()


@restricted.makes("people and what they may do")
def restore(call: Call) -> Outgoing:
    """Bring a deleted person back; what ended stays ended, and their apps have to be enabled again."""
    return one(facts(departures.restore(call.path["id"]), call))


def facts(user: User, call: Call) -> dict[str, Any]:
    """A person. An app's token, or a key that one made, tells no more of its own person than they consented to."""
    everything = call.is_admin or (call.holder.kind == "api_key" and call.holder.told is None)
    named = everything or call.holder.knows("profile")
    return {
        "id": call.known_as(user.id),
        "email": user.email if everything or call.holder.knows("email") else None,
        "username": user.username if named else None,
        "name": user.name if named else None,
        "given_name": user.given_name if named else None,
        "family_name": user.family_name if named else None,
        **_claims(user, call, named=named),
        "role": user.role,
        "disabled": user.disabled_at is not None,
        "email_verified": user.email_verified_at is not None,
        "created_at": time(user.created_at),
        "last_login_at": time(user.last_login_at) if everything else None,
        "deleted_at": time(user.deleted_at),
        "erased_at": time(departures.erased_at(user)),
    }


def _claims(user: User, call: Call, *, named: bool) -> dict[str, Any]:
    """The standard claims, each as far as its own scope goes (OpenID Connect Core 5.4); null where none is told."""
    seen = {"phone_number": call.holder.knows("phone"), "address": call.holder.knows("address")}
    return {
        name: user.standard_claims.get(name) if call.is_admin or seen.get(name, named) else None for name in _CLAIMS
    }


_ADDRESS: Schema = record({part: {"type": "string", "maxLength": 400} for part in standard_claims.ADDRESS})
_TEXT: Schema = {"type": "string", "maxLength": 2000}
_MEMBERS: dict[str, Schema] = {
    "id": STRING,
    "email": or_null(STRING),
    "username": or_null(STRING),
    "name": or_null(STRING),
    "given_name": or_null(STRING),
    "family_name": or_null(STRING),
    **{name: or_null(STRING) for name in standard_claims.LABELS},
    "address": or_null(_ADDRESS),
    "role": one_of(*roles.ROLES),
    "disabled": BOOLEAN,
    "email_verified": BOOLEAN,
    "created_at": TIME,
    "last_login_at": or_null(TIME),
    "deleted_at": or_null(TIME),
    "erased_at": {**or_null(TIME), "description": "Of a deleted person: until then they can be restored."},
}
_NAME: Schema = {"type": "string", "maxLength": names.MAX_NAME}
_PART: Schema = {"type": "string", "maxLength": names.MAX_PART}
_NAMED: dict[str, Schema] = {
    "username": {"type": "string", "maxLength": 254, "description": "a-z, digits, dots, - and _; or an email."},
    "name": {**_NAME, "description": "Empty: composed of given_name and family_name."},
    "given_name": _PART,
    "family_name": _PART,
    "role": one_of(*roles.ROLES),
    "email_verified": {**BOOLEAN, "description": "You know that the address is theirs; else a mailed link proves it."},
}
_NEW = record({"email": {"type": "string", "maxLength": 254}, **_NAMED}, "email")
_TOLD: dict[str, Schema] = {
    **{name: {**_TEXT, "description": "OpenID Connect Core 5.1; empty: not told."} for name in standard_claims.LABELS},
    "address": {**_ADDRESS, "description": "OpenID Connect Core 5.1.1; a member that is empty is not told."},
}
_CHANGE = record({**_NAMED, **_TOLD, "disabled": BOOLEAN})
SCHEMAS: dict[str, Schema] = {
    "User": shown(_MEMBERS),
    "NewUser": shown({**_MEMBERS, "welcome_link": STRING}, "A new person, and the link that works once."),
}
_SEARCH: dict[str, Schema] = {
    "q": {"type": "string", "maxLength": 100, "description": "Part of a name or address."},
    "state": {**one_of(*users.STATES), "description": "Left out: everybody who isn't deleted."},
}
_APPS: dict[str, Schema] = {
    "apps": {
        "type": "string",
        "maxLength": 100,
        "default": departures.END,
        "description": "What becomes of the person's apps: `end` disables them, `transfer:<user id>` gives them, and"
        " the person's APIs, to somebody else at once; their secrets, keys and tokens end.",
    }
}
ROUTES = (
    Route("GET", "/v1/users", index, (), "List people", ref("User"), query=_SEARCH, many=True),
    Route("POST", "/v1/users", create, NEEDED, "Create a person", ref("NewUser"), _NEW,
          status=201, creates=True, errors=(409, 422)),
    Route("GET", "/v1/users/{id}", show, (), "Show a person", ref("User"), errors=(404,)),
    Route("PATCH", "/v1/users/{id}", change, NEEDED, "Change a person", ref("User"), _CHANGE, errors=(404, 409, 422)),
    Route("DELETE", "/v1/users/{id}", remove, NEEDED, "Delete a person", query=_APPS, status=204,
          errors=(404, 409)),
    Route("POST", "/v1/users/{id}/restore", restore, NEEDED, "Restore a deleted person", ref("User"),
          errors=(404, 409)),
)  # fmt: skip
