"""authserver token: introspect, revoke, inspect (contract.md section 3)."""

from __future__ import annotations

import sys
from typing import Any

import click

from authserver.cli import output
from authserver.errors import Invalid, NotFound
from authserver.lib import jwt, secrets

MAX_LENGTH = 64 * 1024
OFFLINE = frozenset({"inspect"})
KINDS = {
    "at": "access_token", "rt": "refresh_token", "ak": "api_key", "ac": "authorization_code", "cs": "client_secret",
    "dc": "device_code", "rat": "registration_access_token",
}  # fmt: skip


@click.group()
def group() -> None:
    """Inspect, introspect and revoke tokens. TOKEN may be -, to read it from stdin: arguments show in `ps`."""


@group.command()
@click.argument("token")
def introspect(token: str) -> None:
    """What a token says now, to somebody who may see everything."""
    from authserver.domain.tokens import inspection

    found = inspection.inspect(_given(token))
    if found is None:
        output.emit({"active": False})
        return
    members = {"active": True, "credential": found.credential, "scope": " ".join(found.scopes), **found.claims}
    more = {"username": found.username, "permission": found.permission}
    output.emit(members | {name: value for name, value in more.items() if value})


@group.command()
@click.argument("token")
@click.option(
    "--end-made", is_flag=True, help="End what its app made for its person, too: keys, webhooks, apps, secrets."
)
def revoke(token: str, end_made: bool) -> None:
    """End an access token, or a refresh token with everything of its grant."""
    from authserver.domain.tokens import app_makings, revocation

    value = _given(token)
    behind = revocation.grant_behind(value) if end_made else None
    if not revocation.revoke(value, None, "revoked on the command line"):
        raise NotFound("There is no such token, or it has ended already.")
    if end_made:
        count = app_makings.end_all_behind(behind)
        output.note(f"{count} {'thing' if count == 1 else 'things'} that its app made for its person ended.")
    output.emit({"revoked": True}, "Revoked.")


@group.command()
@click.argument("token")
def inspect(token: str) -> None:
    """Take a token apart without believing it; asks neither the database nor the network."""
    value = _given(token)
    kind = secrets.kind_of(value)
    if kind is not None:
        output.emit({"kind": KINDS[kind], "hint": secrets.hint(value)})
        return
    output.emit({"kind": "jwt", **_taken_apart(value)})


def _taken_apart(token: str) -> dict[str, Any]:
    try:
        return {"header": jwt.peek_header(token), "claims": jwt.peek_claims(token), "verified": False}
    except jwt.InvalidToken as error:
        raise Invalid(f"This is no token: {error.reason}.") from None


def _given(token: str) -> str:
    return sys.stdin.read(MAX_LENGTH).strip() if token == "-" else token
