"""`authserver doctor`: what is wrong here, and the line that mends it."""

from __future__ import annotations

import contextlib
import http.client
import json
import shlex
import shutil
import smtplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from authserver import config
from authserver.cli import opening, output
from authserver.config import Settings
from authserver.errors import BadSettings, DomainError
from authserver.lib import clock, durations, folders, secrets

SECONDS = 5
MIN_FREE = 500_000_000  # bytes
OLD_KEY = 100 * 86_400  # keys rotate after 90 days if `worker` runs


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `state` is ok, warn or bad; `remedy` is the line that mends it."""

    check: str
    state: str
    text: str
    remedy: str = ""


@click.command()
def command() -> None:
    """Check settings, database, keys, address, clock, mail and disk; exit code 1 if something is bad."""
    findings = list(_examine())
    output.emit(
        [{"check": each.check, "state": each.state, "text": each.text, "remedy": each.remedy} for each in findings],
        "\n".join(map(_line, findings)),
    )
    if any(each.state == "bad" for each in findings):
        raise click.exceptions.Exit(output.ERROR)


def _line(finding: Finding) -> str:
    mark = {"ok": "✓", "warn": "!", "bad": "✗"}[finding.state]
    remedy = f"\n    {finding.remedy}" if finding.remedy else ""
    return f"{mark} {finding.check}: {finding.text}{remedy}"


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
            yield from _guarded(name, check, settings)


def _guarded(name: str, check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    try:
        yield from check(settings)
    except DomainError as error:
        yield Finding(name, "bad", error.public)
    except Exception as error:
        first = " ".join(str(getattr(error, "orig", error)).split())[:200]
        yield Finding(name, "bad", secrets.redact(f"{type(error).__name__}: {first}"))


def _secret(settings: Settings) -> Iterator[Finding]:
    if settings.secret_key:
        yield Finding("secret key", "ok", "set")
    else:
        yield Finding("secret key", "bad", "missing", 'export AUTHSERVER_SECRET_KEY="$(openssl rand -base64 48)"')


def _sealing(settings: Settings) -> Iterator[Finding]:
    """Whether what opens the seals in the database is something else than what signs forms and links."""
    if settings.kek and settings.kek == settings.secret_key:
        remedy = (
            'export AUTHSERVER_KEK="$(openssl rand -base64 48)", the old one as AUTHSERVER_KEK_FALLBACKS, then rewrap'
        )
        yield Finding("sealing key", "warn", "the same as the secret key: one leak opens both", remedy)
    else:
        yield Finding("sealing key", "ok", "its own" if settings.kek else "derived from the secret key")


def _contact(settings: Settings) -> Iterator[Finding]:
    """Whether somebody who found a weakness learns whom to tell."""
    if settings.security_contact or settings.loopback:
        yield Finding("security contact", "ok", settings.security_contact or "not needed on loopback")
    else:
        remedy = "export AUTHSERVER_SECURITY_CONTACT=mailto:security@example.com"
        yield Finding("security contact", "warn", "none: /.well-known/security.txt is missing", remedy)


def _files(_settings: Settings) -> Iterator[Finding]:
    exposed = opening.exposed_secrets()
    for name, path in exposed.items():
        yield Finding("secret files", "warn", f"every account of this machine may read {name} in {path}",
                      f"chmod o-r {shlex.quote(str(path))}")  # fmt: skip
    if not exposed:
        yield Finding("secret files", "ok", "closed to other accounts")


def _backends(settings: Settings) -> Iterator[Finding]:
    """Whether what is said to database and Redis can be read or changed on its way."""
    found = config.rules.unprotected(settings)
    for name, remedy in found:
        yield Finding(f"TLS to {name}", "warn", "another host, without verified TLS", remedy)
    if not found:
        yield Finding("TLS to backends", "ok", "on this machine, or verified")


def _database(settings: Settings) -> Iterator[Finding]:
    from authserver.domain.running import schema, standing

    with opening.opened(settings, any_schema=True):
        schema.reachable()
        kind = "SQLite, for one machine" if settings.sqlite else "PostgreSQL"
        stands = standing.look()
        found = stands.checks["database"]
        fine = found == standing.OK
        yield Finding("database", "ok" if fine else "bad", f"{kind}; it can be written" if fine else found)
        status = schema.status()
        fine = status.state == "current"
        remedy = "authserver migrate" if status.state in ("empty", "behind") else ""
        yield Finding("migrations", "ok" if fine else "bad", status.sentence, remedy)
        if fine and not settings.sqlite:
            yield _database_clock(stands.skew)
            yield from _role()
        if fine and settings.secret_key:
            yield from _keys()
        if fine:
            yield from _privileges()


def _database_clock(skew: float) -> Finding:
    """This machine's clock beside the database's."""
    from authserver.domain.running import standing

    fine = abs(skew) <= standing.SKEW_SHOWN
    text = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the database's"
    return Finding("database clock", "ok" if fine else "bad", text, "" if fine else "timedatectl set-ntp true")


def _data_folder(settings: Settings) -> Iterator[Finding]:
    """Counters of rate limits that all workers share are in it."""
    if trouble := folders.trouble(Path(settings.data_dir)):
        yield Finding("data folder", "bad", trouble, "make it writable for the server's account: AUTHSERVER_DATA_DIR")
    else:
        yield Finding("data folder", "ok", "can be written; all workers of this machine count in it")


def _privileges() -> Iterator[Finding]:
    """Apps whose privileges do not count, because of who owns them (contract 11.36)."""
    from authserver.domain.clients import privileges

    for each in privileges.idle():
        said = " and ".join(privileges.PRIVILEGES[name] for name in each.privileges)
        owner = f"{each.owner_email} is no administrator" if each.owner_email else "nobody vouches for it"
        text = f"{each.client_id} ({each.name}) {said}, which does not count: {owner}"
        remedy = f"transfer it to an administrator: {config.current().issuer}/apps/{each.client_id}/danger"
        yield Finding("idle privilege", "warn", text, remedy)


def _role() -> Iterator[Finding]:
    from authserver.domain.running import roles

    rights = roles.rights()
    if rights.superuser or rights.owner:
        kind = "a superuser" if rights.superuser else "the schema's owner"
        remedy = "a role of its own for the server, see docs/operations: AUTHSERVER_MIGRATE_DATABASE_URL"
        yield Finding("database role", "warn", f"{kind}: it could rewrite the audit log", remedy)
    else:
        yield Finding("database role", "ok", "reads and writes rows, and owns nothing")


def _keys() -> Iterator[Finding]:
    from authserver.domain.signing import keys as signing_keys

    now = clock.now()
    for alg in signing_keys.ALGS:
        signing_keys.signer(alg)
        since = max(
            (key.active_at for key in signing_keys.every() if key.alg == alg and key.active_at <= now), default=0
        )
        old = now - since > OLD_KEY
        yield Finding(
            f"signing key {alg}",
            "warn" if old else "ok",
            f"in use for {durations.in_words(now - since)}",
            "authserver worker   (rotates them), or now: authserver jwks rotate" if old else "",
        )


def _address(settings: Settings) -> Iterator[Finding]:
    """The issuer as others reach it: the network, TLS, our own metadata, and the clock of its answer."""
    parts = urlsplit(settings.issuer)
    path = (
        f"{parts.path}/.well-known/oauth-authorization-server"
        if not parts.path
        else (f"/.well-known/oauth-authorization-server{parts.path}")
    )
    context = ssl.create_default_context()
    connection = (
        http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=SECONDS, context=context)
        if settings.https
        else http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
    )
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(100_000)
        except ssl.SSLError as error:
            yield Finding("TLS", "bad", f"{error.reason or error}", "renew the certificate at your proxy")
            return
        except (OSError, http.client.HTTPException) as error:
            yield Finding("issuer", "warn", f"does not answer from here ({type(error).__name__})", "authserver serve")
            return
    yield from _answered(settings, answer, body)
    if not settings.https:
        yield Finding("TLS", "warn", "the issuer is http: good for this machine alone")


def _answered(settings: Settings, answer: http.client.HTTPResponse, body: bytes) -> Iterator[Finding]:
    try:
        told = json.loads(body).get("issuer")
    except (ValueError, AttributeError):
        told = None
    if told != settings.issuer:
        yield Finding(
            "issuer", "bad", "something else answers under this address", "point the proxy at `authserver serve`"
        )
        return
    yield Finding("issuer", "ok", "answers under its own name")
    if settings.https:
        yield Finding("TLS", "ok", "the certificate is good")
    date = answer.getheader("Date")
    if date:
        off = abs(int(parsedate_to_datetime(date).timestamp()) - clock.now())
        state = "ok" if off <= clock.LEEWAY // 2 else "bad"
        yield Finding(
            "clock", state, f"{off} s apart from the server's", "" if state == "ok" else "timedatectl set-ntp true"
        )


def _proxies(settings: Settings) -> Iterator[Finding]:
    from authserver.domain.running import readiness, schema

    with opening.opened(settings, any_schema=True):
        peers = readiness.unknown_proxies() if schema.status().state == "current" else []
    for peer in peers:
        yield Finding(
            "proxies", "bad", f"many people's requests come from {peer}, which is not trusted: all have its address",
            f"if it is your own proxy: export AUTHSERVER_TRUSTED_PROXIES={shlex.quote(peer)}",
        )  # fmt: skip
    if not peers:
        yield Finding("proxies", "ok", "no unknown proxy was seen within a day")


def _mail(settings: Settings) -> Iterator[Finding]:
    if not settings.smtp_url:
        yield Finding("mail", "warn", "none: nobody can reset a password", "export AUTHSERVER_SMTP_URL=smtp://…:587")
        return
    parts = urlsplit(settings.smtp_url)
    kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    with kind(parts.hostname or "", parts.port or (465 if parts.scheme == "smtps" else 587), timeout=SECONDS) as server:
        server.noop()
    yield Finding("mail", "ok", f"{parts.hostname} answers")


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.data_dir)
    while not folder.exists():
        folder = folder.absolute().parent
    free = shutil.disk_usage(folder).free
    state = "ok" if free >= MIN_FREE else "bad"
    yield Finding("disk", state, f"{free // 1_000_000} MB free", "" if state == "ok" else f"make room in {folder}")


CHECKS: tuple[tuple[str, Callable[[Settings], Iterator[Finding]]], ...] = (
    ("secret key", _secret),
    ("sealing key", _sealing),
    ("secret files", _files),
    ("security contact", _contact),
    ("TLS to backends", _backends),
    ("database", _database),
    ("issuer", _address),
    ("proxies", _proxies),
    ("mail", _mail),
    ("data folder", _data_folder),
    ("disk", _disk),
)
