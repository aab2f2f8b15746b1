"""`authserver restore`: a backup in place of the database."""

from __future__ import annotations

from pathlib import Path

import click

from authserver.cli import copies, opening, output


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(file: Path, yes: bool) -> None:
    """Replace the database by FILE. Everybody signs in again, apps ask again: what was revoked since stays revoked."""
    from authserver.domain.running import recovery, roles, schema
    from authserver.domain.signing import keys as signing_keys

    settings = opening.settings()
    if not yes:
        click.confirm("Replace the database? Stop `serve` and `worker` first.", abort=True, err=True)
    with opening.opened(settings, any_schema=True):
        known = recovery.endings() if schema.status().state == "current" else None
    owner = opening.as_owner(settings)
    copies.bring_back(owner, file)
    with opening.opened(owner, any_schema=True):
        if schema.status().state == "behind":
            schema.migrate()
        if schema.status().state == "current":
            roles.close()
            opening.grant_to_server(settings)
    with opening.opened(settings, any_schema=True):
        opening.require_current_schema()
        done = recovery.after_restore(known)
        signing_keys.ensure()
    output.emit(done, "Restored. " + ", ".join(f"{name} {count}" for name, count in done.items()))
    if known is None:
        output.note("The database before was not readable: look for keys and secrets revoked since the backup.")
