"""`authserver client export` and `import`: clients from one installation into another, as RFC 7591 writes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from authserver.cli import declared
from authserver.errors import Invalid


@click.command("export")
@click.argument("client_ids", nargs=-1, metavar="[CLIENT_ID]...")
def export(client_ids: tuple[str, ...]) -> None:
    """Print clients, all or those named, as JSON that `client import` and `apply` read; nothing secret is in it.

    Apps that registered themselves are left out: elsewhere they register themselves again.
    """
    from authserver.domain.running import client_entries

    found = client_entries.named(client_ids) if client_ids else client_entries.every()
    sys.stdout.write('{"clients": [')
    for number, entry in enumerate(found):
        sys.stdout.write(("," if number else "") + "\n" + json.dumps(entry, ensure_ascii=False, indent=2))
    sys.stdout.write("\n]}\n")
    sys.stdout.flush()


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would become of each, and change nothing.")
@click.option("--owner", default="", metavar="EMAIL", help="Who answers for those that name nobody.")
def take(file: Path, dry_run: bool, owner: str) -> None:
    """Create or change the clients of a JSON file (`-` is stdin): of `client export`, or RFC 7591 metadata.

    All of them or none; a second run changes nothing. Secrets of new clients are printed once.
    """
    entries = [({"owner": owner} if owner else {}) | entry for entry in _entries(declared.read(file))]
    declared.carry_out({"clients": entries}, plan=dry_run)


def _entries(document: Any) -> Iterator[dict[str, Any]]:
    """The clients of a document: an export, a list, or one client."""
    found = document.get("clients", [document]) if isinstance(document, dict) else document
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Invalid(
            "The file holds no clients: it is a JSON object with `clients`, a list of clients, or one client."
        )
    if isinstance(document, dict) and (others := sorted(set(document) - {"clients"})) and "clients" in document:
        raise Invalid(f"Beside `clients` there is {others[0]!r}: `authserver apply` reads such files.")
    yield from found
