"""Every field of an app's metadata at every door where apps are made and changed, read from the code."""

from __future__ import annotations

import dataclasses

import pytest

from authserver.cli import client
from authserver.dashboard.apps.form import AppForm
from authserver.domain.clients.metadata import Registration, self_registration
from authserver.domain.clients.metadata.document import FIELD_OF
from tests.architecture import authority
from tests.support.tables import rows

# What the shell's older options of `client create` are called.
CREATE = {
    "client_name": "name", "post_logout_redirect_uris": "after_logout", "grant_types": "grants",
    "token_endpoint_auth_method": "auth_method", "id_token_claims": "no_id_token_claims",
    "required_scopes": "required", "resource_server_for": "served",
}  # fmt: skip
PRIVILEGE = "nobody answers for an app that registered itself: an administrator gives it"
OURS = "a choice of the installation's, which is as it is by default for an app that registered itself"
# Where a member has no door of its own, and why. A reason that is no longer needed fails the test.
WITHOUT: dict[str, dict[str, str]] = {
    "/v1": {},
    "create": {"response_types": "follows from the grants"},
    "update": {"response_types": "follows from the grants"},
    "page": {
        "response_types": "follows from the grants",
        "application_type": "follows from the kind that is chosen first",
        "require_auth_time": "every ID token has auth_time, whatever is asked",
        **dict.fromkeys(("software_id", "software_version"), "what a program says of its own make"),
    },
    "register": {
        **dict.fromkeys(("skip_consent", "introspect_all", "resource_server_for"), PRIVILEGE),
        **dict.fromkeys(("rate_limit", "resources"), PRIVILEGE),
        **dict.fromkeys(("access_token_format", "access_token_ttl", "id_token_claims", "required_scopes"), OURS),
        "require_pkce": "always needs PKCE or a nonce",
        "jwt_reuse": "acts for people alone",
        "logo_uri": "only with an initial access token: else nobody vouches for whose picture it is",
        "description": "its own words are shown to nobody: the name is enough to deceive with",
        "allowed_cors_origins": "the origins of its redirect URIs are its own",
    },
}  # fmt: skip
# Fields that no member of a document fills.
NO_MEMBER = {
    "kind": "chosen on pages and by declarations; guessed from the rest",
    "client_id": "the shell's and a declaration's",
    "public": "said by token_endpoint_auth_method",
    "metadata_extra": "every member that is not known, as it came",
}
MEMBERS = sorted(FIELD_OF)


def options_of(verb: str) -> set[str]:
    return {each.name or "" for each in client.group.commands[verb].params}


def doors() -> dict[str, set[str]]:
    """The members that each door takes."""
    fields = {name for name in vars(AppForm) if not name.startswith("_")}
    create = options_of("create")
    return {
        "/v1": set(MEMBERS) & authority.of_api()["POST /v1/clients"]["fields"],
        "create": {member for member in MEMBERS if CREATE.get(member, member) in create},
        "update": {member for member in MEMBERS if member in options_of("update")},
        "page": {member for member in MEMBERS if FIELD_OF[member] in fields},
        "register": set(self_registration.MEMBERS),
    }


@pytest.mark.parametrize("door", WITHOUT)
def test_every_member_is_taken_at_every_door_or_has_a_reason(door: str) -> None:
    missing = set(MEMBERS) - doors()[door]
    assert missing == set(WITHOUT[door])


@rows("member", MEMBERS)
def test_a_member_is_told_as_it_was_written(member: str) -> None:
    """`apply` and `--from` read by the very table by which an app is shown."""
    assert FIELD_OF[member] in {*(each.name for each in dataclasses.fields(Registration)), "response_types"}


def test_every_field_is_filled_by_a_member_or_has_a_reason() -> None:
    fields = {each.name for each in dataclasses.fields(Registration)}
    assert fields - set(FIELD_OF.values()) == set(NO_MEMBER)
