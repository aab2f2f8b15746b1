"""`authserver restore`: a backup in place of the database."""

from __future__ import annotations

from pathlib import Path

import click

from authserver.cli import opening, output, restoring


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--plan", is_flag=True, help="Only look at FILE: version, key, seals, room. Nothing is changed.")
@click.option("--keep-tokens", is_flag=True, help="Leave sessions, grants and tokens good that had not ended.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(file: Path, plan: bool, keep_tokens: bool, yes: bool) -> None:
    """Replace the database by FILE. Everybody signs in again, apps ask again: what was revoked since stays revoked.

    FILE is checked whole first; whatever happens meanwhile, the old database is there, or the new one.
    """
    settings = opening.settings()
    if plan:
        tell(restoring.plan(settings, file))
        return
    if not yes:
        click.confirm("Replace the database? Stop `serve` and `worker` first.", abort=True, err=True)
    done = dict(restoring.bring_back(settings, file, keep_tokens=keep_tokens))
    known = done.pop("known")
    output.emit(done, "Restored. " + ", ".join(f"{name} {count}" for name, count in done.items()))
    if passwords := done.get("passwords"):
        output.note(f"{passwords} people changed their password since, and need a link to choose one (`user link`).")
    if stopped := done.get("stopped"):
        output.note(f"{stopped} apps, webhooks or others went to another owner or address since, and are stopped.")
    if not known:
        output.note("The database before was not readable: look for keys and secrets revoked since the backup.")
    if keep_tokens:
        output.note("Tokens are as good as they were: refresh tokens used since the backup can be used again.")


def tell(found: list[restoring.Finding]) -> None:
    """A line for each thing that was looked at; exit code 1 if one of them stands in the way."""
    rows = [{"check": each.check, "ok": each.ok, "detail": each.detail} for each in found]
    output.emit(rows, "\n".join(f"{'ok' if each.ok else 'NO'}  {each.check}: {each.detail}" for each in found))
    if not all(each.ok for each in found):
        raise click.exceptions.Exit(output.ERROR)
