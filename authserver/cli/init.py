"""`authserver init`: five questions, one file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import click

from authserver import config
from authserver.cli import output
from authserver.errors import BadSettings
from authserver.lib import secrets


@click.command()
@click.option("--issuer", help="https://auth.example.com")
@click.option("--brand")
@click.option("--database-url", help="postgresql://user@host/name; empty for a SQLite file.")
@click.option("--smtp-url", help="smtp://user:password@host:587; empty for no mail.")
@click.option("--trusted-proxies", help="Networks of your reverse proxy, such as 127.0.0.1/32.")
@click.option("--file", "path", type=click.Path(path_type=Path), default=Path("authserver.toml"), show_default=True)
@click.option("--yes", is_flag=True, help="Ask nothing: defaults for what is not given.")
def command(path: Path, yes: bool, **given: str | None) -> None:
    """Ask what a first production start needs and write authserver.toml, readable by you alone."""
    if path.exists():
        raise BadSettings(f"{path}: exists already; change it by hand, or name another with --file")
    answers = {name: value if value is not None else _ask(name, yes=yes) for name, value in given.items()}
    if answers["smtp_url"]:
        answers["mail_from"] = f"no-reply@{urlsplit(answers['issuer']).hostname}"
    stored = {name: value for name, value in answers.items() if value} | {"secret_key": secrets.random_token(48)}
    _write(path, "".join(f"{name} = {json.dumps(value)}\n" for name, value in stored.items()))
    try:
        config.load({}, path)
    except BadSettings:
        path.unlink()
        raise
    output.emit({"file": str(path)}, f"{path} is written. Keep it: its secret key seals the signing keys.")
    output.note("Next:  authserver serve   and   authserver user create YOU@EXAMPLE.COM --admin")


_QUESTIONS = {
    "issuer": ("Address that people and apps will use", "http://localhost:8000"),
    "brand": ("Name on pages and mails", "Kaie"),
    "database_url": ("Database URL (empty: a SQLite file in var/)", ""),
    "smtp_url": ("SMTP URL (empty: no mail)", ""),
    "trusted_proxies": ("Networks of the reverse proxy (empty: none)", ""),
}


def _ask(name: str, *, yes: bool) -> str:
    question, default = _QUESTIONS[name]
    return default if yes else str(click.prompt(question, default=default, err=True))


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
