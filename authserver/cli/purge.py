"""`authserver purge`: delete what has expired."""

from __future__ import annotations

import click

from authserver.cli import output, progress
from authserver.lib import clock


@click.command()
@click.option("--audit-days", type=click.IntRange(1), help="Also cut audit events older than this many days.")
def command(audit_days: int | None) -> None:
    """Delete expired rows in small batches; safe while serving. The audit log stays unless asked."""
    from authserver.domain.running import retention

    before = clock.now() - audit_days * retention.DAY if audit_days else None
    with progress.named("Deleting") as told:
        gone = retention.purge(audit_before=before, told=told)
    output.emit(
        gone, "\n".join(f"{count:>8}  {table}" for table, count in gone.items() if count) or "Nothing to delete."
    )
