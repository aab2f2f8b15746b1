"""An earlier commit in a checkout of its own, set up with the packages that it locked."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECONDS = 600


@contextlib.contextmanager
def checkout(commit: str) -> Iterator[tuple[str, Path]]:
    """Its short name and its folder, for a block. Raises CalledProcessError if there is no such commit."""
    short = _git("rev-parse", "--short", "--verify", f"{commit}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix=f"authserver-{short}-") as made:
        folder = Path(made) / "tree"
        _git("worktree", "add", "--detach", "--quiet", str(folder), short)
        try:
            subprocess.run(["./run", "setup"], cwd=folder, check=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
            yield short, folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def present() -> str:
    """The commit that this is, with a mark if the files are not quite its; empty outside of a repository."""
    try:
        return _git("describe", "--always", "--exclude=*", "--dirty")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *words], check=True, capture_output=True, text=True, timeout=SECONDS)
    return done.stdout.strip()
