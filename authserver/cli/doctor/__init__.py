"""`authserver doctor`: what is wrong here, and the line that mends it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from authserver import config
from authserver.cli import opening, output
from authserver.cli.doctor import address, chosen, findings, rows, served, surroundings
from authserver.cli.doctor.findings import Check, Finding
from authserver.errors import BadSettings

CHECKS: tuple[tuple[str, Check], ...] = (
    ("secret key", chosen.secret),
    ("sealing key", chosen.sealing),
    ("secret files", chosen.files),
    ("security contact", chosen.contact),
    ("TLS to backends", chosen.backends),
    ("database", rows.database),
    ("issuer", address.address),
    ("proxies", surroundings.proxies),
    ("mail", surroundings.mail),
    ("data folder", surroundings.data_folder),
    ("disk", surroundings.disk),
    ("figures", served.figures),
)


@click.command()
@click.option("--mcp", "url", metavar="URL", help="Walk as an MCP client would, from the MCP server at URL to a token.")
@click.option("--client-id", metavar="ID", help="With --mcp: the client to walk as; without one it registers itself.")
@click.option("--client-secret-stdin", is_flag=True, help="Read that client's secret, and get and use a token with it.")
@click.option("--redirect-uri", metavar="URI", help="One that the client has; the default is on loopback.")
def command(url: str | None, client_id: str | None, client_secret_stdin: bool, redirect_uri: str | None) -> None:
    """Check settings, database, keys, address, clock, mail and disk; exit code 1 if something is bad.

    With --mcp: say for each step of a client's way what came, whose fault it is, and what mends it. It ends where a
    person would have to allow. A client that it registers for itself is removed again.
    """
    if not url and (client_id or client_secret_stdin or redirect_uri):
        raise click.UsageError("--client-id, --client-secret-stdin and --redirect-uri belong to --mcp.")
    if client_secret_stdin and not client_id:
        raise click.UsageError("A secret needs its --client-id.")
    secret = sys.stdin.readline().strip() if client_secret_stdin else ""
    found = _walked(url, client_id or "", secret, redirect_uri or "") if url else _examine()
    if not findings.tell(list(found)):
        raise click.exceptions.Exit(output.ERROR)


def _examine() -> Iterator[Finding]:
    try:
        settings = opening.settings()
    except BadSettings as error:
        for problem in error.problems:
            yield Finding("settings", "bad", problem, "authserver config check")
        return
    yield Finding("settings", "ok", f"issuer {settings.issuer}")
    with config.using(settings):
        for name, check in CHECKS:
            yield from findings.guarded(name, check(settings))


def _walked(url: str, client_id: str, secret: str, redirect_uri: str) -> Iterator[Finding]:
    from authserver.cli.doctor.mcp import walk  # what sends and what is signed: no other check needs it

    return walk.walk(opening.settings(), url, walk.Client(client_id, secret, redirect_uri))
