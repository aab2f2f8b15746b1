"""`authserver rewrap`: move sealed secrets to today's sealing key."""

from __future__ import annotations

import click

from authserver.cli import output


@click.command()
def command() -> None:
    """Seal signing keys again under AUTHSERVER_KEK; until then the old one stays in AUTHSERVER_KEK_FALLBACKS."""
    from authserver.domain import audit, signing_keys

    count, _ = signing_keys.rewrap(), audit.resign()  # the audit log's signatures hang on the secret key, too
    output.emit({"signing_keys": count}, f"{count} signing keys are sealed under today's key. The fallbacks can go.")
