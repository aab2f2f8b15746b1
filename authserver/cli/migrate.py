"""`authserver migrate`: the schema of this version, or back down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from authserver.cli import opening, output
from authserver.errors import NotFound

if TYPE_CHECKING:
    from authserver.domain.clients.privileges import Idle


@click.command()
@click.option("--down", metavar="REVISION", default="", help="Go back to a revision; `base` drops every table.")
@click.option("--plan", is_flag=True, help="Only say what would change, and which apps would lose a privilege.")
def command(down: str, plan: bool) -> None:
    """Bring the database to this version's schema; safe to run from several machines at once."""
    from authserver.domain.running import revisions, schema
    from authserver.domain.signing import keys as signing_keys

    if down not in ("", "base", *revisions.known()):
        raise NotFound("There is no such revision.")
    if plan and down:
        raise click.UsageError("--plan is about going up; it does not go with --down.")
    settings = opening.settings()
    with opening.opened(opening.as_owner(settings), any_schema=True):
        before = schema.status()
        if plan:
            _tell(before)
            return
        after = schema.migrate(down)
        if after.state == "current":
            opening.grant_to_server(settings)
            signing_keys.ensure()
    result = {"state": after.state, "revision": after.revision, "before": before.revision}
    output.emit(result, f"{before.revision or 'nothing'} → {after.revision or 'nothing'}: {after.state}")
    if not down and not after.fits:
        raise output.NotReady(after.sentence)


def _tell(before: Any) -> None:
    """What a migration would do, and whom it would silence (contract 11.36)."""
    from authserver.domain.clients import privileges
    from authserver.domain.running import revisions

    there = before.fits or before.state == "behind"
    idle, pairwise = (privileges.idle(), privileges.pairwise()) if there else ([], [])
    lines = [before.sentence if before.fits else f"{before.revision or 'nothing'} → {revisions.newest()}"]
    for each in idle:
        said = " and ".join(privileges.PRIVILEGES[name] for name in each.privileges)
        lines.append(f"{each.client_id} ({each.name}, of {each.owner_email or 'nobody'}) {said}: this will not count.")
    if idle:
        lines.append("Give these apps to an administrator, or expect them to be asked or refused.")
    for each in pairwise:
        lines.append(f"{each.client_id} ({each.name}) has {' and '.join(each.privileges)}: this will not count.")
    if pairwise:
        lines.append("Choose public subjects for these apps, or expect them to be refused.")
    serves_on = before.state != "behind" or revisions.serves_also(before.revision)
    if not serves_on:
        lines.append("Servers that run with the schema of before are not ready after it: stop them first.")
    result = {"state": before.state, "from": before.revision, "to": revisions.newest(), "running_go_on": serves_on}
    told = {"idle": [{**_named(each), "privileges": list(each.privileges)} for each in idle]}
    told["pairwise"] = [{**_named(each), "scopes": list(each.privileges)} for each in pairwise]
    output.emit(result | told, "\n".join(lines))


def _named(app: Idle) -> dict[str, Any]:
    return {"client_id": app.client_id, "owner": app.owner_email}
