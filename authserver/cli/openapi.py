"""authserver openapi: the document of /openapi.json, without a running server."""

from __future__ import annotations

import json
from pathlib import Path

import click

from authserver.cli import opening, output


@click.command()
@click.option("--output", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write it into a file.")
def command(file: Path | None) -> None:
    """Print the OpenAPI 3.1 document of the API."""
    document = opening.document()
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if file is None:
        output.emit(document, text)
        return
    file.write_text(text + "\n", encoding="utf-8")
    output.note(f"Wrote {file}.")
