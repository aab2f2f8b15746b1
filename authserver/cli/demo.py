"""`authserver demo`: everything filled in, on this machine, for nobody else (ux.md section 3)."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Mapping
from pathlib import Path

import click

from authserver import config
from authserver.cli import addresses, opening, output
from authserver.config import Settings
from authserver.errors import BadSettings
from authserver.lib import secrets

# The demo has its own; what the environment says about the real installation is not for it.
OWN = (
    "issuer", "database_url", "secret_key", "secret_key_fallbacks", "kek", "kek_fallbacks", "data_dir", "host", "port",
    "smtp_url",
)  # fmt: skip
PORTS = 50  # how many are tried after the wanted one
QUIET = ("CI", "SSH_CONNECTION", "NO_BROWSER")


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="First port to try; the default is 8000.")
@click.option("--host", default="127.0.0.1", hidden=True)
@click.option("--no-browser", is_flag=True, help="Do not open the browser.")
@click.option("--pg", is_flag=True, help="Keep the data in an embedded PostgreSQL instead of SQLite.")
@click.option("--full", is_flag=True, help="Add people, apps, keys and a past: long names, many rows.")
@click.option("--fixed-credentials", is_flag=True, help="Well-known passwords, for browser tests.")
def command(port: int | None, host: str, no_browser: bool, pg: bool, full: bool, fixed_credentials: bool) -> None:
    """Serve a filled demo on this machine; its data stays in var/demo."""
    if host not in config.LOOPBACK_HOSTS:
        raise BadSettings("demo: listens on this machine alone; `authserver serve` is for others")
    folder = opening.DEMO_FOLDER.absolute()
    _make_folder(folder)
    from authserver.cli import serving

    with contextlib.ExitStack() as running:
        url = _database(folder, running, pg=pg)
        settings = prepare(folder, url, free_port(port or _wished_port()))
        card, link = _seed(settings, folder, fixed=fixed_credentials, full=full)
        text = render(settings, card)
        quiet = no_browser or any(os.environ.get(name) for name in QUIET)
        threading.Thread(target=_announce, args=(settings, text, link, not quiet), daemon=True).start()
        serving.run(settings, spawn=False, alongside=_alongside)


def prepare(folder: Path, url: str, port: int) -> Settings:
    """Settings of the demo, also written to its folder, so that commands find it with `--demo`."""
    issuer = f"http://localhost:{port}"
    stored = {
        "issuer": issuer,
        "database_url": url,
        "secret_key": _secret(folder),
        "data_dir": str(folder),
        "port": port,
        "metrics_bind": "off",
    }
    file = folder / "authserver.toml"
    _write(file, "".join(f"{name} = {json.dumps(value)}\n" for name, value in stored.items()))
    own = {config.PREFIX + name.upper() for name in OWN} | {config.PREFIX + name.upper() + "_FILE" for name in OWN}
    kept = {name: value for name, value in os.environ.items() if name.startswith(config.PREFIX) and name not in own}
    kept.setdefault(config.PREFIX + "LOG_LEVEL", "WARNING")
    # Its own inbox, and the receivers that people try on this machine.
    allowed = config.PREFIX + "OUTBOUND_ALLOW"
    kept[allowed] = ",".join(filter(None, (kept.get(allowed), *sorted(config.LOOPBACK_HOSTS))))
    return config.load(kept, file, demo=True)


def free_port(wanted: int) -> int:
    """The wanted port, or the next that is free for both spellings of this machine."""
    for port in range(wanted, min(wanted + PORTS, 65_536)):
        if addresses.is_free("127.0.0.1", port) and not addresses.answers("::1", port):
            if port != wanted:
                output.note(f"Port {wanted} is taken: using {port}.")
            return port
    raise output.NotReady(f"None of the ports from {wanted} on is free.")


def render(settings: Settings, card: Mapping[str, str]) -> str:
    """The card: real values, so that the curl can be pasted as it is."""
    from authserver.domain.demo import seeding

    issuer = settings.issuer
    lines = [
        f"{settings.brand + ' demo':<13} {issuer}          (Ctrl-C stops; state in var/demo, `make reset` wipes it)",
        f"  {'dashboard':<11} {issuer}/            {seeding.ADMIN} / {card[seeding.ADMIN]}",
        f"  {'a user':<11} {issuer}/login       {seeding.ALICE} / {card[seeding.ALICE]}",
        f"  {'mailbox':<11} {issuer}/demo/mail",
        f"  {'webhooks':<11} {issuer}/demo/webhook-inbox",
        *([f"  {'playground':<11} {issuer}/playground"] if settings.has_playground else []),
        f"  {'discovery':<11} {issuer}/.well-known/oauth-authorization-server",
        f"  {'API':<11} {issuer}/docs",
        f"  {'API key':<11} {card['api_key']}   (Read Only)",
        f"  {'web app':<11} {seeding.WEB} / {card[seeding.WEB]}   (redirects to {seeding.WEB_CALLBACKS[0]})",
        "  first token:",
        f"    curl -s -u '{seeding.JOB}:{card[seeding.JOB]}' {issuer}/oauth/token"
        " -d grant_type=client_credentials -d scope=workflows:read",
        "  the key reads workflows, and is refused a delete:",
        f"    curl -s -H 'Authorization: Bearer {card['api_key']}' {issuer}/demo/v1/workflows",
        f"    curl -s -X DELETE -H 'Authorization: Bearer {card['api_key']}' {issuer}/demo/v1/workflows/any",
    ]
    return "\n".join(lines)


def _wished_port() -> int:
    text = os.environ.get("PORT", "").strip()
    if not text:
        return 8000
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise BadSettings("PORT: a number from 1 to 65535 is allowed")
    return int(text)


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def _secret(folder: Path) -> str:
    file = folder / "secret_key"
    if not file.exists():
        _write(file, secrets.random_token(48) + "\n")
    return file.read_text(encoding="utf-8").strip()


def _write(file: Path, text: str) -> None:
    """For this user alone, and never half written."""
    new = file.with_name(file.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    new.replace(file)


def _database(folder: Path, running: contextlib.ExitStack, *, pg: bool) -> str:
    if not pg:
        return f"sqlite:///{folder / 'demo.sqlite3'}"
    from authserver.cli import embedded_postgres

    return running.enter_context(embedded_postgres.running(folder / "pg"))


def _seed(settings: Settings, folder: Path, *, fixed: bool, full: bool = False) -> tuple[dict[str, str], str]:
    from authserver.domain.demo import seeding
    from authserver.domain.running import schema

    file = folder / ("card-pg.json" if not settings.sqlite else "card.json")

    def keep(card: Mapping[str, str]) -> None:
        _write(file, json.dumps(card, indent=2) + "\n")

    with opening.opened(settings, any_schema=True):
        schema.migrate_if_behind()
        schema.ensure()
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        card = seeding.seed(known, fixed=fixed, keep=keep)
        if full:
            from authserver.domain.demo import full as installation

            installation.fill()
        return card, seeding.sign_in_link()


def _announce(settings: Settings, text: str, link: str, browser: bool) -> None:
    """Print the card once the server answers, and open the browser, signed in."""
    from authserver.cli import healthcheck

    for _ in range(300):
        with contextlib.suppress(output.NotReady):
            if healthcheck.ask("127.0.0.1", settings.port, "/readyz")[0] == 200:
                break
        time.sleep(0.05)
    first, second, *rest = text.split("\n")
    if browser and _open(link):
        second += "   (your browser is already signed in)"
    else:
        rest.insert(0, f"  {'sign in':<11} {link}   (works once)")
    output.emit({"issuer": settings.issuer, "card": text, "sign_in": link}, "\n".join([first, second, *rest]))
    sys.stdout.flush()


def _open(link: str) -> bool:
    try:
        return webbrowser.open(link)
    except webbrowser.Error:
        return False


def _alongside(_settings: Settings) -> None:
    from authserver.domain.ground import mails
    from authserver.domain.running import chores
    from authserver.domain.tokens import backchannel_logout
    from authserver.domain.webhooks import courier

    threading.Thread(target=mails.run, args=(threading.Event(),), name="mails", daemon=True).start()
    chores.in_background()
    courier.in_background()
    backchannel_logout.in_background()
