"""`authserver client`: OAuth clients from a shell, which may do everything (contract.md section 3)."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from authserver.cli import client_files, client_options, client_registration, options, output
from authserver.errors import Invalid, NotFound
from authserver.lib import clock, durations

# The domain brings the ORM along, so each verb imports it when it runs: `--help` stays fast.
if TYPE_CHECKING:
    from authserver.domain.clients.directory import Listed

OVERLAPS = ("now", "1h", "24h", "3d", "7d")

_end_made = click.option(
    "--end-made", is_flag=True, help="End what it made for people, too: API keys, webhooks, secrets; apps are disabled."
)


@click.group(help="Create and manage OAuth clients.")
def group() -> None:
    """The noun."""


group.add_command(client_files.export)
group.add_command(client_files.take)


@group.command()
@click.option("--name", default="", help="What people read.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where people come back to; repeatable.")
@click.option(
    "--post-logout-redirect-uri", "after_logout", multiple=True, help="Where people go after sign-out; repeatable."
)
@click.option("--backchannel-logout-uri", default="", help="Told with a signed token when a sign-in ends.")
@click.option("--frontchannel-logout-uri", default="", help="Loaded in a frame when somebody signs out.")
@click.option(
    "--grant", "grants", multiple=True, help="authorization_code, refresh_token, client_credentials, device_code."
)
@click.option("--scope", default="", help='What it may ask for, such as "openid workflows:read".')
@click.option("--public", is_flag=True, help="It runs on people's machines and keeps no secret.")
@click.option("--auth-method", default="", help="client_secret_basic, client_secret_post, private_key_jwt or none.")
@click.option(
    "--jwks",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with its public keys: JWK Set, JWK or PEM.",
)
@click.option("--jwks-uri", default="", help="Address of its public keys.")
@click.option("--jwt-reuse", is_flag=True, help="Its own JWTs may be used more than once.")
@click.option("--rate-limit", default="", help="A limit of its own, such as 5000/hour.")
@click.option("--resource", "resources", multiple=True, help="An API it may ask tokens for; repeatable.")
@click.option("--resource-server", "served", multiple=True, help="It is the API at this resource; repeatable.")
@click.option("--introspect-all", is_flag=True, help="It may check every credential, API keys included.")
@click.option("--required-scope", "required", multiple=True, help="What people cannot leave out; repeatable.")
@click.option("--no-id-token-claims", is_flag=True, help="Name and email at userinfo alone, not in ID tokens.")
@click.option("--no-pkce", is_flag=True, help="Its software can send neither PKCE nor a nonce (not for public ones).")
@click.option("--require-pkce", is_flag=True, help="Refuse requests without PKCE, whatever the setting says.")
@click.option("--access-token-format", type=click.Choice(options.FORMATS), help="jwt unless told.")
@click.option("--profile", type=click.Choice(["fapi2"]), help="Hold it to a security profile.")
@click.option("--skip-consent", is_flag=True, help="For your own apps: people are not asked.")
@click.option("--owner", default="", help="Email of the person who answers for it.")
@click.option("--id", "client_id", default="", help="A client id of your choice.")
@click.option("--from", "file", type=click.File("r", encoding="utf-8"), help="RFC 7591 JSON; options win over it.")
@client_options.more
def create(**given: Any) -> None:
    """Register a client and print its id and, once, its secret."""
    from authserver.domain.clients import clients, logos, sector_identifiers
    from authserver.domain.clients import metadata as client_metadata

    if given["profile"]:
        raise Invalid(
            "--profile fapi2 needs pushed authorization requests and sender-constrained tokens,"
            " which this server does not offer."
        )
    if not given["name"] and not given["file"]:
        raise click.UsageError("Missing option '--name'.")
    if given["no_pkce"] and given["require_pkce"]:
        raise click.UsageError("--no-pkce and --require-pkce: choose one of the two.")
    owner = _person(given["owner"]) if given["owner"] else None
    own = {each.member: given[each.member] for each in client_options.MORE}
    wanted = dataclasses.replace(client_registration.read(given), **client_options.given(own))
    sector_identifiers.require(wanted)
    logos.look_up(wanted.logo_uri)
    with client_registration.named_apis(wanted, owner):
        client, secret = clients.register(owner, wanted, trusted=True)
    result = {"client_id": client.id} | ({"client_secret": secret} if secret else {})
    text = "\n".join(f"{name}={value}" for name, value in result.items())
    output.emit(result | {"client_name": client.name, "kind": client.kind}, text)
    for sentence in client_metadata.ignored_keys(wanted.jwks):
        output.note(sentence)
    if secret:
        output.note("The secret is shown this once.")


@group.command("list")
@click.option("--owner", default="", help="Only those of this person.")
@click.option("--deleted", is_flag=True, help="Those that can be restored.")
@options.limit
def list_(owner: str, deleted: bool, limit: int | None) -> None:
    """List clients, newest first."""
    from authserver.domain.clients import directory as client_directory
    from authserver.domain.ground import lists

    person = _person(owner) if owner else None
    found = lists.every(
        functools.partial(client_directory.owned_by, person, status="deleted" if deleted else ""), limit
    )
    output.stream(map(_line, found), empty="There are no clients.")


@group.command()
@click.argument("client_id")
def show(client_id: str) -> None:
    """Show a client; nothing secret is in it."""
    from authserver.domain.clients import clients
    from authserver.domain.clients import directory as client_directory
    from authserver.domain.clients import metadata as client_metadata
    from authserver.domain.clients import secrets as client_secrets

    facts = clients.get(client_id)
    secrets = [
        {
            "id": row.id,
            "hint": row.hint,
            "created_at": row.created_at,
            "expires_at": row.expires_at,
            "revoked_at": row.revoked_at,
            "last_used_at": row.last_used_at,
            "last_used_ip": row.last_used_ip,
        }
        for row in client_secrets.of(client_id)
    ]
    owner = client_directory.owner(facts.owner_id)
    result = {
        "client_id": facts.id,
        "kind": facts.kind,
        "status": "active" if facts.enabled else "disabled",
        "owner": owner.email if owner else None,
        **client_metadata.to_document(facts),
        "secrets": secrets,
    }
    shown = {name: value for name, value in result.items() if name != "secrets"}
    shown["secrets"] = [row["hint"] for row in secrets if row["revoked_at"] is None]
    width = max(len(name) for name in shown)
    output.emit(result, "\n".join(f"{name:<{width}}  {_cell(value)}" for name, value in shown.items()))


@group.command()
@click.argument("client_id")
@client_options.all
def update(client_id: str, **given: Any) -> None:
    """Change what is named; what is repeatable is replaced as a whole, and an empty text takes a value away."""
    from authserver.domain.clients import clients

    row = clients.stored(client_id)
    if row is None or row.deleted_at is not None:
        raise NotFound("There is no such app.")
    before = clients.registration_of(row)
    changes = client_options.given(given)
    if "scopes" in changes:
        changes = client_registration.narrowed(before, changes["scopes"]) | changes
    clients.revise(None, client_id, dataclasses.replace(before, **changes))
    _done(client_id, "changed" if changes else "unchanged")


@group.command("rotate-secret")
@click.argument("client_id")
@click.option(
    "--overlap", type=click.Choice(OVERLAPS), default="24h",
    show_default=True, help="How long the old secret works on.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Although an earlier rotation is open: its old secret ends now.")
def rotate_secret(client_id: str, overlap: str, force: bool) -> None:
    """Make a new secret and print it, once."""
    from authserver.domain.clients import secrets as client_secrets

    rotation = client_secrets.rotate(None, client_id, client_secrets.OVERLAPS[overlap], force=force)
    result = {"client_id": client_id, "client_secret": rotation.secret, "previous_ends_at": rotation.previous_ends_at}
    output.emit(result, f"client_secret={rotation.secret}")
    until = rotation.previous_ends_at
    output.note(
        f"The old secret works until {durations.absolute(until)}." if until else "No old secret works any more."
    )


@group.command()
@click.argument("client_id")
@_end_made
def disable(client_id: str, end_made: bool) -> None:
    """Stop a client everywhere within a second; `enable` undoes it."""
    from authserver.domain.clients import endings

    endings.disable(None, client_id)
    _end_all(client_id, end_made)
    _done(client_id, "disabled")


@group.command()
@click.argument("client_id")
def enable(client_id: str) -> None:
    """Let a client work again."""
    from authserver.domain.clients import endings

    endings.enable(None, client_id)
    _tell_standing(client_id)


@group.command()
@click.argument("client_id")
@_end_made
def delete(client_id: str, end_made: bool) -> None:
    """Delete a client with its tokens; `restore` brings it back for seven days."""
    from authserver.domain.clients import endings

    endings.remove(None, client_id)
    _end_all(client_id, end_made)
    _done(client_id, "deleted")


@group.command()
@click.argument("client_id")
def restore(client_id: str) -> None:
    """Bring a deleted client back."""
    from authserver.domain.clients import endings

    endings.restore(None, client_id)
    _tell_standing(client_id)


@group.command("block")
@click.argument("what", metavar="HOST|NAME|ID")
@_end_made
def block(what: str, end_made: bool) -> None:
    """Stop apps that registered themselves, and those to come: of a HOST and below it, of a NAME, or one by its ID."""
    from authserver.domain.clients import blocked_apps
    from authserver.domain.tokens import app_makings

    made = blocked_apps.block(what)
    if end_made:
        output.note(f"Of what they made for people, {app_makings.end_all_of_blocked()} ended.")
    output.emit({"kind": made.kind, "value": made.value}, f"Apps of the {made.kind} {made.value} are blocked.")


@group.command("unblock")
@click.argument("what", metavar="HOST|NAME|ID")
def unblock(what: str) -> None:
    """Take a block back."""
    from authserver.domain.clients import blocked_apps

    blocked_apps.unblock(what)
    output.emit({"value": what, "status": "unblocked"}, f"{what} is blocked no more.")


def _person(email: str) -> Any:
    from authserver.domain.people import users

    try:
        found = users.find_by_email(email)
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no person with this email.")
    return found


def _line(line: Listed) -> dict[str, Any]:
    client = line.client
    used = line.last_used_at
    return {
        "client_id": client.id,
        "name": client.name,
        "kind": client.kind,
        "status": "deleted" if client.deleted_at else "disabled" if client.disabled_at else "active",
        "owner": line.owner_email,
        "last_used": used if used is None or output.wants_json() else durations.ago(used, clock.now()),
    }


def _end_all(client_id: str, wanted: bool) -> None:
    from authserver.domain.tokens import app_makings

    if wanted:
        output.note(f"Of what it made for people, {app_makings.end_all_of([client_id])} ended.")


def _tell_standing(client_id: str) -> None:
    from authserver.domain.clients import endings

    why = endings.still_stopped(client_id)
    if why:
        output.note(why)
    _done(client_id, "disabled" if why else "active")


def _done(client_id: str, status: str) -> None:
    output.emit({"client_id": client_id, "status": status}, f"{client_id} is {status}.")


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return "-" if value is None else "yes" if value is True else "no" if value is False else str(value)
