"""`authserver job`: mails and sign-outs of apps that were given up."""

from __future__ import annotations

import dataclasses

import click

from authserver.cli import output
from authserver.lib import durations

COLUMNS = ("id", "kind", "what", "to", "at", "attempts", "error")


@click.group()
def group() -> None:
    """Look after work that was given up; `authserver worker` does it."""


@group.command("list")
def list_() -> None:
    """What was given up in the last three days, newest first."""
    from authserver.domain.running import set_aside

    rows = [dataclasses.asdict(each) | {"at": durations.iso(each.at)} for each in set_aside.jobs()]
    output.emit(rows, output.table(rows, COLUMNS) if rows else "Nothing was given up.")


@group.command()
@click.argument("job_id")
def retry(job_id: str) -> None:
    """Try JOB_ID again, from the beginning of its schedule."""
    from authserver.domain.running import set_aside

    set_aside.try_again(job_id)
    output.emit({"id": job_id, "state": "waiting"}, f"{job_id} is tried again.")
