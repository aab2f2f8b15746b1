"""`authserver version`."""

from __future__ import annotations

import importlib.metadata
import platform

import click

from authserver.cli import output


@click.command()
def command() -> None:
    """Print the version."""
    version = importlib.metadata.version("authserver")
    output.emit({"version": version, "python": platform.python_version()}, version)
