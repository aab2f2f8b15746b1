"""What an operator chose: secrets, files, contact, the way to the backends."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from authserver import config
from authserver.cli import opening
from authserver.cli.doctor.findings import Finding
from authserver.config import Settings


def secret(settings: Settings) -> Iterator[Finding]:
    if settings.secret_key:
        yield Finding("secret key", "ok", "set")
    else:
        yield Finding("secret key", "bad", "missing", 'export AUTHSERVER_SECRET_KEY="$(openssl rand -base64 48)"')


def sealing(settings: Settings) -> Iterator[Finding]:
    """Whether what opens the seals in the database is something else than what signs forms and links."""
    if settings.kek and settings.kek == settings.secret_key:
        remedy = (
            'export AUTHSERVER_KEK="$(openssl rand -base64 48)", the old one as AUTHSERVER_KEK_FALLBACKS, then rewrap'
        )
        yield Finding("sealing key", "warn", "the same as the secret key: one leak opens both", remedy)
    else:
        yield Finding("sealing key", "ok", "its own" if settings.kek else "derived from the secret key")


def contact(settings: Settings) -> Iterator[Finding]:
    """Whether somebody who found a weakness learns whom to tell."""
    if settings.security_contact or settings.loopback:
        yield Finding("security contact", "ok", settings.security_contact or "not needed on loopback")
    else:
        remedy = "export AUTHSERVER_SECURITY_CONTACT=mailto:security@example.com"
        yield Finding("security contact", "warn", "none: /.well-known/security.txt is missing", remedy)


def files(_settings: Settings) -> Iterator[Finding]:
    exposed = opening.exposed_secrets()
    for name, path in exposed.items():
        yield Finding("secret files", "warn", f"every account of this machine may read {name} in {path}",
                      f"chmod o-r {shlex.quote(str(path))}")  # fmt: skip
    if not exposed:
        yield Finding("secret files", "ok", "closed to other accounts")


def backends(settings: Settings) -> Iterator[Finding]:
    """Whether what is said to database and Redis can be read or changed on its way."""
    found = config.rules.unprotected(settings)
    for name, remedy in found:
        yield Finding(f"TLS to {name}", "warn", "another host, without verified TLS", remedy)
    if not found:
        yield Finding("TLS to backends", "ok", "on this machine, or verified")
