"""`authserver rewrap`: move sealed secrets to today's sealing key."""

from __future__ import annotations

import click

from authserver.cli import output


@click.command()
def command() -> None:
    """Seal keys and secrets again under AUTHSERVER_KEK; until then the old one stays in AUTHSERVER_KEK_FALLBACKS."""
    from authserver.domain.record import audit
    from authserver.domain.signing import keys as signing_keys
    from authserver.domain.webhooks import secrets as webhook_secrets

    count, _ = signing_keys.rewrap(), audit.resign()  # the audit log's signatures hang on the secret key, too
    hooks = webhook_secrets.rewrap()
    output.emit(
        {"signing_keys": count, "webhooks": hooks},
        f"{count} signing keys and the secrets of {hooks} webhooks are sealed under today's key. The fallbacks can go.",
    )
