"""Backups that `worker` makes by itself: one at a time among all workers, verified, the oldest deleted."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from authserver import config
from authserver.cli import opening
from authserver.config import Settings
from authserver.lib import clock
from authserver.observability import logs

LOOK_SECONDS = 30
MAX_REASON = 500
_ENDING, _PARTIAL = ".backup", ".partial"
# What the installation's own program is told when it makes one: a process of its own, so that nothing of it stays here.
_PROGRAM = [sys.executable, "-c", "import sys; from authserver import cli; sys.exit(cli.main())"]


def run(until: threading.Event) -> None:
    """Make one whenever it is due, until told to stop. What fails is a line in the log, and tried again in an hour."""
    from authserver.domain.ground import last_runs

    settings = config.current()
    while settings.backup_dir:
        try:
            if last_runs.claim(last_runs.BACKUP, every=settings.backup_every):
                make(settings, until)
        except Exception as error:  # a lost database must not end the thread
            logs.failure("backup_failed", error)
        if until.wait(LOOK_SECONDS):
            return


def make(settings: Settings, until: threading.Event) -> Path | None:
    """A new verified backup in the folder, and the oldest gone; None, with the reason in the log, if there is none."""
    folder = Path(settings.backup_dir)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in folder.glob(f"{settings.slug}-*{_PARTIAL}"):
        left.unlink(missing_ok=True)  # of one that was killed; nobody else makes one now
    made_at = datetime.fromtimestamp(clock.now(), UTC)
    file = folder / f"{settings.slug}-{made_at:%Y-%m-%dT%H%M%SZ}{_ENDING}"
    partial = file.with_suffix(_PARTIAL)
    try:
        if problem := _saved(partial, until):
            logs.event("backup_failed", level="error", reason=problem, folder=str(folder))
            return None
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    logs.event("backup_made", file=str(file), bytes=file.stat().st_size)
    _delete_oldest(folder, settings)
    return file


def _saved(file: Path, until: threading.Event) -> str:
    """Run `backup FILE --verify`; why there is none, or nothing. Who is told to stop waits for no backup."""
    command = [*_PROGRAM, *opening.words(), "backup", str(file.absolute()), "--verify"]
    running = subprocess.Popen(  # noqa: S603  # our own program, no shell
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while running.poll() is None:
        if until.wait(0.2):
            running.terminate()
            running.wait()
            return "the worker was stopped"
    said = (running.stdout.read() if running.stdout else "").strip()
    reasons = [line for line in said.splitlines() if not line.startswith("ok ")] or ["no reason given"]
    return "; ".join(reasons)[:MAX_REASON] if running.returncode else ""


def _delete_oldest(folder: Path, settings: Settings) -> None:
    """Those that bear our name beyond the wanted number; whatever else lies there is somebody's."""
    ours = sorted(folder.glob(f"{settings.slug}-????-??-??T??????Z{_ENDING}"))
    for each in ours[: -settings.backup_keep]:
        each.unlink(missing_ok=True)
        logs.event("backup_deleted", file=str(each))
