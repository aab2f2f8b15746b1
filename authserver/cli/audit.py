"""authserver audit: tail, verify, export (contract.md section 3)."""

from __future__ import annotations

import csv
import json
import sys
import time
from typing import Any

import click

from authserver.cli import output
from authserver.lib import csv_cells

FOLLOW_SECONDS = 1.0
COLUMNS = (
    "seq", "at_us", "type", "actor", "target", "owner_id", "client_id", "result", "reason", "ip", "user_agent",
    "request_id", "data", "prev_hash", "hash",
)  # fmt: skip


@click.group()
def group() -> None:
    """Read, verify and export the audit log."""


@group.command()
@click.option(
    "-n", "--lines", type=click.IntRange(0, 1000), default=20, show_default=True, help="How many to begin with."
)
@click.option("-f", "--follow", is_flag=True, help="Go on printing what happens, until Ctrl-C.")
def tail(lines: int, follow: bool) -> None:
    """Print the latest events, oldest first."""
    from authserver.domain.record import audit

    newest, _ = audit.page(limit=1)
    events = audit.page(limit=lines)[0] if lines else []
    _print(events[::-1])
    last = newest[0].seq if newest else 0
    try:
        while follow:
            time.sleep(FOLLOW_SECONDS)
            fresh, _ = audit.page(after_seq=last, limit=1000)
            _print(fresh[::-1])
            last = fresh[0].seq if fresh else last
    except KeyboardInterrupt:
        return


@group.command()
def verify() -> None:
    """Recompute the whole chain of hashes and signatures; exit 1, saying where, if it is broken."""
    from authserver.domain.record import audit

    found = audit.verify()
    result = {"sound": found.sound, "checked": found.checked, "up_to": found.seq, "problem": found.problem or None}
    if not found.sound:
        output.emit(result, f"Broken: {found.problem}.")
        sys.exit(output.ERROR)
    audit.note_verified(found)
    output.emit(result, f"Sound: {found.checked:,} events, up to #{found.seq:,}.")


@group.command()
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
def export(form: str) -> None:
    """Print every event, oldest first, on stdout."""
    from authserver.domain.insight import audit_search

    events = audit_search.export(audit_search.Wanted())
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_cell(event[name]) for name in COLUMNS] for event in events)
    else:
        for event in events:
            sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _print(events: list[Any]) -> None:
    from authserver.domain.insight import audit_sentences
    from authserver.lib import durations

    names = audit_sentences.names(events, everybody=True)
    for event in events:
        told = audit_sentences.tell(event, names)
        at = durations.iso(event.at_us // 1_000_000)
        facts = {
            "seq": event.seq, "at": at, "type": event.type, "sentence": told, "actor": event.actor,
            "target": event.target, "result": event.result, "reason": event.reason, "ip": event.ip,
            "request_id": event.request_id,
        }  # fmt: skip
        refused = "" if event.result == "ok" else f" [{event.result}{': ' + event.reason if event.reason else ''}]"
        output.line(facts, f"#{event.seq}  {at}  {event.type:<26} {told}{refused}{'  ' + event.ip if event.ip else ''}")


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return csv_cells.inert(value)
