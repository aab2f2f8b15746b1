"""The system's Chromium for the browser tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.services import missing

# The shell without a window's machinery renders the same and is a third faster.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ELSEWHERE = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def find() -> str | None:
    """The path of the browser: `$CHROMIUM`, else the first known name on the PATH, else a macOS application."""
    chosen = os.environ.get("CHROMIUM")
    on_path = (shutil.which(name) for name in ((chosen,) if chosen else NAMES))
    installed = (path for path in ELSEWHERE if Path(path).exists())
    return next((path for path in (*on_path, *installed) if path), None)


def executable() -> str:
    """The path of the browser, for Playwright's `executable_path`; without one the test is skipped or fails."""
    path = find()
    if path is None:
        missing.skip_or_fail("Chromium is not installed", "sudo apt-get install -y chromium-headless-shell")
    return path


def arguments() -> list[str]:
    """Flags for this machine: Chromium's sandbox refuses root, and containers have a small /dev/shm."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [*sandbox, "--disable-dev-shm-usage"]
