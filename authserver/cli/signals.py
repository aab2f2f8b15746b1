"""Signals that `serve` and `worker` understand alike."""

from __future__ import annotations

import signal
import sys


def ignore_hangup() -> None:
    """Let SIGHUP end nothing, except where somebody sits there: closing their terminal ends what they started.

    Settings are read once, and logs go to stderr: there is nothing to read or open again. Children inherit this.
    """
    if hasattr(signal, "SIGHUP") and not (sys.stdin and sys.stdin.isatty()):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
