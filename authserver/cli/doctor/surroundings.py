"""What an installation stands among: proxies, mail, its folder, the disk."""

from __future__ import annotations

import shlex
import shutil
import smtplib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from authserver.cli import opening
from authserver.cli.doctor.findings import Finding
from authserver.config import Settings
from authserver.lib import folders

SECONDS = 5
MIN_FREE = 500_000_000  # bytes


def proxies(settings: Settings) -> Iterator[Finding]:
    from authserver.domain.running import readiness, schema

    with opening.opened(settings, any_schema=True):
        peers = readiness.unknown_proxies() if schema.status().fits else []
    for peer in peers:
        yield Finding(
            "proxies", "bad", f"many people's requests come from {peer}, which is not trusted: all have its address",
            f"if it is your own proxy: export AUTHSERVER_TRUSTED_PROXIES={shlex.quote(peer)}",
        )  # fmt: skip
    if not peers:
        yield Finding("proxies", "ok", "no unknown proxy was seen within a day")


def mail(settings: Settings) -> Iterator[Finding]:
    if not settings.smtp_url:
        yield Finding("mail", "warn", "none: nobody can reset a password", "export AUTHSERVER_SMTP_URL=smtp://…:587")
        return
    parts = urlsplit(settings.smtp_url)
    kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    with kind(parts.hostname or "", parts.port or (465 if parts.scheme == "smtps" else 587), timeout=SECONDS) as server:
        server.noop()
    yield Finding("mail", "ok", f"{parts.hostname} answers")


def data_folder(settings: Settings) -> Iterator[Finding]:
    """Counters of rate limits that all workers share are in it."""
    if trouble := folders.trouble(Path(settings.data_dir)):
        yield Finding("data folder", "bad", trouble, "make it writable for the server's account: AUTHSERVER_DATA_DIR")
    else:
        yield Finding("data folder", "ok", "can be written; all workers of this machine count in it")


def disk(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.data_dir)
    while not folder.exists():
        folder = folder.absolute().parent
    free = shutil.disk_usage(folder).free
    state = "ok" if free >= MIN_FREE else "bad"
    yield Finding("disk", state, f"{free // 1_000_000} MB free", "" if state == "ok" else f"make room in {folder}")
