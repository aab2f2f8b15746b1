"""`authserver migrate`: the schema of this version, or back down."""

from __future__ import annotations

import click

from authserver.cli import opening, output
from authserver.errors import NotFound


@click.command()
@click.option("--down", metavar="REVISION", default="", help="Go back to a revision; `base` drops every table.")
def command(down: str) -> None:
    """Bring the database to this version's schema; safe to run from several machines at once."""
    from authserver.domain.running import schema
    from authserver.domain.signing import keys as signing_keys

    if down not in ("", "base", *schema.revisions()):
        raise NotFound("There is no such revision.")
    with opening.opened(any_schema=True):
        before = schema.status()
        after = schema.migrate(down)
        if after.state == "current":
            signing_keys.ensure()
    result = {"state": after.state, "revision": after.revision, "before": before.revision}
    output.emit(result, f"{before.revision or 'nothing'} → {after.revision or 'nothing'}: {after.state}")
    if not down and after.state != "current":
        raise output.NotReady(after.sentence)
