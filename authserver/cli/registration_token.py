"""`authserver registration-token`: with one, somebody registers apps by program (RFC 7591 section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from authserver.cli import options, output
from authserver.lib import durations

# The domain brings the ORM along, so each verb imports it when it runs: `--help` stays fast.
if TYPE_CHECKING:
    from authserver.domain.clients.registration_tokens import RegistrationToken

COLUMNS = ("id", "hint", "status", "used", "uses", "expires_at")


@click.group()
def group() -> None:
    """Make and end tokens with which apps register themselves."""


@group.command()
@click.option("--uses", type=int, default=1, show_default=True, help="How many registrations it is good for.")
@click.option("--expires-in", type=options.Span(), default="7d", show_default=True, help="Seconds, 12h or 7d.")
def create(uses: int, expires_in: int) -> None:
    """Make a token and print it, once."""
    from authserver import config
    from authserver.domain.clients import registration_tokens

    row, value = registration_tokens.create(uses=uses, expires_in=expires_in)
    output.emit(_facts(row) | {"token": value}, value)
    output.note("It is shown this once.")
    if config.current().registration == "off":
        output.note("Registration is switched off: set AUTHSERVER_REGISTRATION=token, or open.")


@group.command("list")
def list_() -> None:
    """List tokens, newest first."""
    from authserver.domain.clients import registration_tokens

    rows = [_facts(row) for row in registration_tokens.all()]
    output.emit(rows, output.table(rows, COLUMNS) if rows else "There are no registration tokens.")


@group.command()
@click.argument("token_id")
def revoke(token_id: str) -> None:
    """End a token at once; apps that were registered with it stay."""
    from authserver.domain.clients import registration_tokens

    registration_tokens.revoke(token_id)
    output.emit({"id": token_id, "status": "revoked"}, f"{token_id} is revoked.")


def _facts(row: RegistrationToken) -> dict[str, Any]:
    from authserver.domain.clients import registration_tokens

    return {
        "id": row.id,
        "hint": row.hint,
        "status": registration_tokens.status(row),
        "uses": row.uses,
        "used": row.used,
        "created_at": durations.iso(row.created_at),
        "expires_at": durations.iso(row.expires_at),
    }
