"""authserver token: issue, introspect, revoke, inspect (contract.md section 3)."""

from __future__ import annotations

import sys
from typing import Any

import click

from authserver.cli import output
from authserver.errors import Invalid, NotFound
from authserver.lib import jwt, secrets
from authserver.lib import scopes as grammar

MAX_LENGTH = 64 * 1024
OFFLINE = frozenset({"inspect"})
KINDS = {
    "at": "access_token", "rt": "refresh_token", "ak": "api_key", "ac": "authorization_code", "cs": "client_secret",
    "dc": "device_code", "rat": "registration_access_token",
}  # fmt: skip


@click.group()
def group() -> None:
    """Issue, inspect, introspect and revoke tokens. TOKEN may be -, to read it from stdin: arguments show in `ps`."""


@group.command()
@click.argument("client_id")
@click.option("--scope", default="", help="Only these of its scopes, with spaces between them.")
@click.option("--resource", "resources", multiple=True, help="An API that it is for; repeatable.")
def issue(client_id: str, scope: str, resources: tuple[str, ...]) -> None:
    """Print a token of a client for itself, as client_credentials would give it, without its secret."""
    from authserver.domain.tokens import by_hand

    made = by_hand.issue(client_id, scopes=scope.split(), resources=resources)
    members = {"access_token": made.value, "token_type": "Bearer", "expires_in": made.expires_in}
    output.emit(members | {"scope": grammar.join(made.scopes)}, made.value)


@group.command()
@click.argument("token")
def introspect(token: str) -> None:
    """What a token says now, to somebody who may see everything."""
    from authserver.domain.tokens import inspection

    value = _given(token)
    found = inspection.inspect(value)
    if found is None:
        output.emit({"active": False})
        _note_slip(value)
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
        _note_slip(value)
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
        raise Invalid(f"This is no token: {secrets.mistyped(token) or error.reason}.") from None


def _note_slip(value: str) -> None:
    """A slip of the hand is told apart from a token that ended."""
    if slip := secrets.mistyped(value):
        output.note(f"It was mistyped: {slip}.")


def _given(token: str) -> str:
    return sys.stdin.read(MAX_LENGTH).strip() if token == "-" else token
