"""`authserver config`: what is set, where, and what it means."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import click

from authserver import config
from authserver.cli import init, opening, output
from authserver.config import Settings
from authserver.errors import BadSettings


@click.group()
def group() -> None:
    """Show, check and explain the settings."""


group.add_command(init.command, "init")


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
    """Read the settings and compare them with the stored data; exit code 2 and a line for each thing that is wrong."""
    for name in config.ignored():
        output.note(f"{name}: ignored; Kubernetes sets it for a Service (enableServiceLinks: false stops that)")
    try:
        settings = opening.settings()
        problems = list(_beyond_reading(settings))
    except BadSettings as error:
        problems = list(error.problems)
    if problems:
        output.emit({"ok": False, "problems": problems}, "\n".join(problems))
        raise click.exceptions.Exit(output.USAGE)
    output.emit({"ok": True, "issuer": settings.issuer}, f"The settings are fine. The issuer is {settings.issuer}.")


def _beyond_reading(settings: Settings) -> Iterator[str]:
    """What only `serve` needs, and what only the stored data shows: a sealing key that is another one."""
    if not settings.secret_key:
        yield "secret_key: needed to serve; make one with `openssl rand -base64 48`"
        return
    if settings.sqlite and not Path(settings.sqlalchemy_url.removeprefix("sqlite:///")).exists():
        return
    from sqlalchemy.exc import SQLAlchemyError

    from authserver.domain.running import schema
    from authserver.domain.signing import keys as signing_keys

    try:
        with opening.opened(settings, any_schema=True):
            if schema.status().fits:
                signing_keys.ensure()
    except BadSettings as error:
        yield from error.problems
    except SQLAlchemyError:
        output.note("The database does not answer, so the keys in it were not compared: authserver doctor")


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
