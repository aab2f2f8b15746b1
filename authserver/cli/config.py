"""`authserver config`: what is set, where, and what it means."""

from __future__ import annotations

import dataclasses

import click

from authserver import config
from authserver.cli import opening, output
from authserver.config import Settings


@click.group()
def group() -> None:
    """Show, check and explain the settings."""


@group.command()
def show() -> None:
    """Every setting with its value and where it was set; secrets are masked."""
    shown, sources = config.shown(opening.settings()), opening.sources()
    rows = [
        {"name": name, "value": value, "set in": sources.get(name, "default")}
        for name, value in shown.items()
        if name != "demo"
    ]
    output.emit(rows)


@group.command()
def check() -> None:
    """Read the settings; exit code 1 and one line if something is wrong."""
    settings = opening.settings()
    output.emit({"ok": True, "issuer": settings.issuer}, f"The settings are fine. The issuer is {settings.issuer}.")


@group.command()
def docs() -> None:
    """The reference of all settings, as Markdown."""
    texts = config.documentation()
    names = [field for field in dataclasses.fields(Settings) if field.name != "demo"]
    rows = [
        {
            "name": field.name,
            "variable": config.PREFIX + field.name.upper(),
            "default": "" if field.default in ("", ()) else str(field.default),
            "text": texts.get(field.name, ""),
        }
        for field in names
    ]
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    lines += [
        f"| `{row['variable']}` | {row['default'] and '`' + row['default'] + '`'} | {row['text']} |" for row in rows
    ]
    output.emit(rows, "\n".join(lines))
