"""authserver key: create, list, rotate, revoke (contract.md section 3)."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from authserver.cli import options, output

# The domain brings the ORM along, so each verb imports it when it runs: `--help` stays fast.
if TYPE_CHECKING:
    from authserver.domain.api_keys.keys import ApiKey

LEVELS = ("read_only", "read_write", "full_access")
COLUMNS = ("id", "name", "owner", "permission", "hint", "status", "last_used", "expires_at")


@click.group()
def group() -> None:
    """Create and manage API keys."""


@group.command()
@click.option("--owner", required=True, metavar="EMAIL", help="Whose key it is: it acts as this person.")
@click.option("--name", required=True, help="What will use it.")
@click.option("--permission", required=True, type=click.Choice(LEVELS))
@click.option(
    "--expires-in", type=options.Span(never=True), default="90d", show_default=True, help="Seconds, 12h, 90d or never."
)
@click.option("--note", default="", help="Where it is installed, who to ask.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="May be used from here; repeatable.")
@click.option("--rate-limit", metavar="N/UNIT", help="Such as 1000/hour.")
def create(
    owner: str,
    name: str,
    permission: str,
    expires_in: int,
    note: str,
    networks: tuple[str, ...],
    rate_limit: str | None,
) -> None:
    """Create a key and print it, this once."""
    from authserver.domain.api_keys import keys as api_keys

    lifetime = None if expires_in == -1 else expires_in
    wish = api_keys.Wish(name, permission, lifetime, note, networks, rate_limit)
    row, value = api_keys.create(_person(owner), wish)
    output.note(f"Created {row.name}. This is the only time the key is shown:")
    _emit_new(row, value)


@group.command("list")
@click.option("--owner", metavar="EMAIL", help="Only the keys of this person.")
@click.option("--status", type=click.Choice(["active", "expired", "revoked", "unused"]))
@options.limit
def list_keys(owner: str | None, status: str | None, limit: int | None) -> None:
    """List keys, newest first."""
    from authserver.domain.api_keys import keys as api_keys
    from authserver.domain.ground import lists

    owner_id = _person(owner).id if owner else None
    found = lists.every(functools.partial(api_keys.page, owner_id, status=status or ""), limit)
    output.stream(_with_owners(found), COLUMNS, empty="No keys yet.")


def _with_owners(found: Iterator[ApiKey]) -> Iterator[dict[str, Any]]:
    from authserver.domain.people import users

    while some := list(itertools.islice(found, 200)):
        owners = users.emails_of({row.owner_id for row in some})
        yield from (_facts(row, owners.get(row.owner_id, row.owner_id)) for row in some)


@group.command()
@click.argument("key_id", metavar="ID")
@click.option("--overlap", type=options.Span(), default="24h", show_default=True, help="How long the old key works on.")
def rotate(key_id: str, overlap: int) -> None:
    """Make a successor with the same access and print it, this once."""
    from authserver.domain.api_keys import keys as api_keys
    from authserver.domain.people import users
    from authserver.lib import durations

    old = api_keys.get(None, key_id)
    row, value = api_keys.rotate(users.get(old.owner_id), old.id, overlap=overlap)
    ends = api_keys.get(None, old.id).expires_at or 0
    output.note(f"The old key works until {durations.absolute(ends)}. The new one is shown only now:")
    _emit_new(row, value)


@group.command()
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """End a key at once, everywhere."""
    from authserver.domain.api_keys import keys as api_keys
    from authserver.domain.people import users

    row = api_keys.revoke(None, key_id)
    output.note("Revoked. Whatever still uses it is refused from now on.")
    facts = _facts(row, users.get(row.owner_id).email)
    output.emit(facts, f"{row.id}  revoked")


def _emit_new(row: ApiKey, value: str) -> None:
    from authserver.domain.api_keys import keys as api_keys
    from authserver.domain.people import users

    owner = users.get(row.owner_id)
    facts = _facts(row, owner.email)
    scopes = list(api_keys.scopes_of(row, owner.role))
    output.emit({"id": row.id, "key": value, "prefix": row.hint.partition("…")[0], "scopes": scopes, **facts}, value)


def _person(email: str) -> Any:
    from authserver.domain.people import users

    return users.find_by_email(email) or users.get(email)


def _facts(row: ApiKey, owner: str) -> dict[str, Any]:
    from authserver.domain.api_keys import keys as api_keys
    from authserver.lib import durations

    return {
        "id": row.id,
        "name": row.name,
        "owner": owner,
        "permission": row.permission,
        "hint": row.hint,
        "status": api_keys.status(row),
        "created_at": durations.iso(row.created_at),
        "expires_at": durations.iso(row.expires_at) if row.expires_at is not None else None,
        "last_used": durations.iso(row.last_used_at) if row.last_used_at is not None else None,
        "last_used_ip": row.last_used_ip or None,
        "rotated_to": row.rotated_to,
    }
