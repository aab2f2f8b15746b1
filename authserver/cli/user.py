"""authserver user: people from their creation to their deletion, and lists of them in and out."""

from __future__ import annotations

import dataclasses
import functools
import sys
from typing import TYPE_CHECKING, Any, TextIO

import click

from authserver.cli import options, output, progress

# The domain brings the ORM along, so each verb imports it when it runs: `--help` stays fast.
if TYPE_CHECKING:
    from collections.abc import Iterator

    from authserver.domain.people.users import User


@click.group()
def group() -> None:
    """Create and manage people."""


@group.command()
@click.argument("email")
@click.option("--admin", is_flag=True, help="Make this person an administrator; short for --role admin.")
@click.option("--role", default="user", help="What this person may do: user, developer or admin.")
@click.option("--name", default="", help="The name that pages show; else it is composed of the next two.")
@click.option("--given-name", default="", help="Given name.")
@click.option("--family-name", default="", help="Family name.")
@click.option("--username", default="", help="What applications call the account; else it is made from the email.")
@click.option("--email-verified", is_flag=True, help="You know that the address is theirs.")
@click.option("--mail", is_flag=True, help="Mail the one-time link to its person instead of printing it.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")
def create(
    email: str, admin: bool, role: str, email_verified: bool, mail: bool, password_stdin: bool, **names: str
) -> None:
    """Create an account; without a password, print a one-time link with which its person chooses one."""
    from authserver.domain.people import users

    role = "admin" if admin else role
    if password_stdin:
        user = users.create(email, role=role, password=_password_from_stdin(), verified=True, **names)
        output.note(f"Created {user.email}.")
        output.emit(_facts(user), user.id)
        return
    user, link = users.invite(email, role=role, verified=email_verified, by_mail=mail, **names)
    how = "Its link is on its way by mail." if mail else "The link works once, for 24 hours:"
    output.note(f"Created {user.email}. {how}")
    output.emit(_facts(user) | {"link": link or None}, link or user.id)


@group.command("list")
@click.option("--search", default="", help="Part of a name or email.")
@click.option("--state", default="", help="active, invited, disabled or deleted; else everybody who isn't deleted.")
@options.limit
def list_people(search: str, state: str, limit: int | None) -> None:
    """List people, newest first."""
    found = _everybody(search, state, limit)
    columns = ("id", "email", "username", "name", "role", "status")
    output.stream(map(_facts, found), columns, empty="Nobody yet.")


@group.command()
@click.argument("email")
def show(email: str) -> None:
    """Show one person."""
    output.emit(_facts(_get(email)))


@group.command()
@click.argument("email")
@click.option("--name", help="The name that pages show; empty composes it of the next two.")
@click.option("--given-name", help="Given name.")
@click.option("--family-name", help="Family name.")
@click.option("--username", help="What applications call the account; nobody else ever gets the old one.")
def rename(email: str, username: str | None, **called: str | None) -> None:
    """Change what a person is called."""
    from authserver import database
    from authserver.domain.people import names, users

    user = _get(email)
    with database.together():
        if username is not None:
            names.set_username(user.id, username)
        names.rename(user.id, **called)
    output.emit(_facts(users.get(user.id)))


@group.command()
@click.argument("email")
@click.argument("told", nargs=-1, metavar="[NAME=VALUE]...")
def claims(email: str, told: tuple[str, ...]) -> None:
    """Show or change what apps may be told of a person, such as nickname=Al or address.country=France.

    The names are those of OpenID Connect Core 5.1; an empty value takes a claim away.
    """
    from authserver.domain.people import standard_claims, users

    user = _get(email)
    wanted, address = _told(told)
    standard_claims.change(user.id, wanted | ({"address": address} if address else {}))
    output.emit(users.get(user.id).standard_claims)


def _told(told: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    pairs = [each.partition("=") for each in told]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise click.UsageError(f"Write NAME=VALUE; {wrong[0]} has no value.")
    wanted = {name: value for name, _, value in pairs}
    if "address" in wanted:
        raise click.UsageError("An address has parts: address.street_address, address.postal_code, address.country …")
    address = {name.removeprefix("address."): value for name, value in wanted.items() if name.startswith("address.")}
    return {name: value for name, value in wanted.items() if not name.startswith("address.")}, address


@group.command()
@click.argument("email")
@click.argument("role")
def role(email: str, role: str) -> None:
    """Make somebody a user or an administrator (admin)."""
    from authserver.domain.people import users

    users.set_role(_get(email).id, role)
    _done(email, f"The role is now {role}.")


@group.command()
@click.argument("email")
@click.option(
    "--apps",
    default="end",
    metavar="transfer:EMAIL|end",
    help="Who gets the person's apps and APIs; end, the default, disables the apps.",
)
def delete(email: str, apps: str) -> None:
    """End everything of a person at once; for seven days they can be restored, then their data is erased."""
    from authserver.domain.people import departures
    from authserver.lib import durations

    heir = departures.choice(apps)
    user = departures.delete(_get(email).id, heir_id=_get(heir).id if heir else None)
    erased = durations.iso(departures.erased_at(user) or 0)
    output.note(f"Deleted. The data is erased after {erased}; until then: authserver user restore {user.email}")
    _show(user.id)


@group.command()
@click.argument("email")
def restore(email: str) -> None:
    """Bring back somebody who was deleted in the last seven days; what ended stays so."""
    from authserver.domain.people import departures, users

    user = departures.restore(_get(email).id)
    _done(email, f"Restored. {departures.RESTORED[users.state(user)]}")


@group.command()
@click.argument("email")
def disable(email: str) -> None:
    """Stop an account everywhere at once."""
    from authserver.domain.people import users

    users.disable(_get(email).id)
    _done(email, "Disabled. Sessions have ended, apps and keys have stopped.")


@group.command()
@click.argument("email")
def enable(email: str) -> None:
    """Let a disabled person in again."""
    from authserver.domain.people import users

    users.enable(_get(email).id)
    _done(email, "Enabled.")


@group.command()
@click.argument("email")
def unlock(email: str) -> None:
    """Forget failed sign-ins of an account."""
    from authserver.domain.people import users

    users.unlock(_get(email).id)
    _done(email, "Failed sign-ins are forgotten.")


@group.command("reset-password")
@click.argument("email")
def reset_password(email: str) -> None:
    """Print a one-time link with which the person chooses a new password."""
    _print_link(email)


@group.command()
@click.argument("email")
def link(email: str) -> None:
    """Print a one-time link: a welcome before the first password, a reset after."""
    _print_link(email)


@group.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@click.option("--dry-run", is_flag=True, help="Say what would become of each line, and change nothing.")
@click.option("--mail", is_flag=True, help="Mail new people their links instead of printing them.")
def take(file: TextIO, dry_run: bool, mail: bool) -> None:
    """Create or change the people of a CSV file (`-` is stdin); its first line names columns as `user export` does.

    A cell that is empty changes nothing. If one line is wrong nothing is done.
    """
    from authserver.domain.people import rosters

    lines = rosters.read(_text_of(file))
    taken = rosters.take(lines, by_mail=mail, dry_run=dry_run)
    with progress.counted(len(lines), "Importing", results=True) as told:
        rows = (dataclasses.asdict(each) for each in progress.noticed(taken, told))
        output.stream(rows, ("number", "email", "result", "link"), empty="The file has no people.")


@group.command("export")
@click.option("--search", default="", help="Part of a name or email.")
@click.option("--state", default="", help="active, invited, disabled or deleted; else everybody who isn't deleted.")
def export(search: str, state: str) -> None:
    """Print people as CSV, newest first, without anything that opens an account; with --json as `user list` does."""
    from authserver.domain.people import rosters

    found = _everybody(search, state)
    if output.wants_json():
        output.stream(map(_facts, found), empty="")
        return
    for line in rosters.written(found):
        click.echo(line, nl=False)


def _text_of(file: TextIO) -> str:
    try:
        return file.read()
    except UnicodeDecodeError:
        raise click.UsageError("The file is not UTF-8. Save it as CSV UTF-8.") from None


def _everybody(search: str, state: str, limit: int | None = None) -> Iterator[User]:
    """People of a state, newest first. Raises UsageError for a state that is none."""
    from authserver.domain.ground import lists
    from authserver.domain.people import users

    if state and state not in users.STATES:
        raise click.UsageError(f"A state is {', '.join(users.STATES[:-1])} or {users.STATES[-1]}.")
    return lists.every(functools.partial(users.page, search, state=state), limit)


def _print_link(email: str) -> None:
    from authserver.domain.people import links

    user = _get(email)
    made = links.access_link(user.id)
    output.note(f"Works once, for {'30 minutes' if user.password_hash else '24 hours'}:")
    output.emit({"email": user.email, "link": made}, made)


def _get(email: str) -> User:
    """The person with this address, or with this id."""
    from authserver.domain.people import users

    return users.find_by_email(email) or users.get(email)


def _done(email: str, text: str) -> None:
    output.note(text)
    _show(_get(email).id)


def _show(user_id: str) -> None:
    from authserver.domain.people import users

    facts = _facts(users.get(user_id))
    output.emit(facts, f"{facts['email']}  {facts['status']}")


def _password_from_stdin() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def _facts(user: User) -> dict[str, Any]:
    from authserver.domain.people import departures, users
    from authserver.lib import durations

    erased_at = departures.erased_at(user)
    return {
        "id": user.id,
        "email": user.email,
        "username": user.username,
        "name": user.name,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "role": user.role,
        "status": users.state(user),
        "created_at": durations.iso(user.created_at),
        "last_login_at": durations.iso(user.last_login_at) if user.last_login_at else None,
        "erased_at": durations.iso(erased_at) if erased_at else None,
    }
