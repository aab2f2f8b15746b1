"""What an operator can choose, where it was chosen, and whether it can be so."""

from authserver.config.settings import (
    LOOPBACK_HOSTS,
    PREFIX,
    SECRETS,
    Settings,
    current,
    documentation,
    exposed_secrets,
    install,
    is_rate_limit,
    load,
    shown,
    sources,
    using,
)

__all__ = [
    "LOOPBACK_HOSTS",
    "PREFIX",
    "SECRETS",
    "Settings",
    "current",
    "documentation",
    "exposed_secrets",
    "install",
    "is_rate_limit",
    "load",
    "shown",
    "sources",
    "using",
]
