"""What an operator can choose, where it was chosen, and whether it can be so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from authserver.config import judging, reading, rules
from authserver.config.installed import current, install, using
from authserver.config.kinds import is_rate_limit
from authserver.config.reading import PREFIX
from authserver.config.settings import LOOPBACK_HOSTS, SECRETS, Settings, documentation, is_loopback, shown
from authserver.errors import BadSettings

__all__ = [
    "LOOPBACK_HOSTS", "PREFIX", "SECRETS", "Settings", "current", "documentation", "exposed_secrets", "ignored",
    "install", "is_loopback", "is_rate_limit", "load", "rules", "shown", "sources", "using",
]  # fmt: skip


def load(environ: Mapping[str, str] | None = None, file: Path | None = None, **flags: Any) -> Settings:
    """Read flags, then the environment, then `authserver.toml`, then defaults.

    Raises BadSettings with a line for everything that is wrong, not for the first alone.
    """
    found = reading.read(os.environ if environ is None else environ, file)
    found.given |= {
        name: reading.Given(str(value), "the command line") for name, value in flags.items() if value is not None
    }
    values, wrong = judging.judge(found.given)
    settings = Settings(**values)
    problems = [*found.problems, *wrong.values(), *rules.broken(settings, wrong)]
    if problems:
        raise BadSettings(*problems)
    return settings


def sources(environ: Mapping[str, str] | None = None, file: Path | None = None) -> dict[str, str]:
    """Where each setting that is not a default was set, for `config show`."""
    found = reading.read(os.environ if environ is None else environ, file)
    return {name: given.source for name, given in found.given.items()}


def ignored(environ: Mapping[str, str] | None = None) -> list[str]:
    """Variables with our prefix that Kubernetes set for a Service, and that therefore say nothing."""
    return reading.read(os.environ if environ is None else environ, None).ignored


def exposed_secrets(environ: Mapping[str, str] | None = None, file: Path | None = None) -> dict[str, Path]:
    """Files with secrets that every account of this machine may read, by the setting (docs/decisions/0013)."""
    return reading.exposed_secrets(os.environ if environ is None else environ, file)
