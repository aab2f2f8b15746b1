"""A file that must stay the one that was opened, and the mark beside it that says what once was there."""

from __future__ import annotations

import os
from pathlib import Path

GONE = "The database file is gone. Bring it back, or restore a backup and start again."
REPLACED = "Another file lies where the database was opened. Start again if that is on purpose."
EMPTIED = "The database file was emptied. Restore a backup and start again."


class WatchedFile:
    """Knows a file by device and inode, from when this is made."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._identity, self._filled = self._look()

    def trouble(self) -> str:
        """What became of the file, in one sentence; empty while it is the same. Takes two microseconds."""
        try:
            identity, filled = self._look()
        except OSError:
            return GONE
        if identity != self._identity:
            return REPLACED
        if self._filled and not filled:
            return EMPTIED
        self._filled = filled
        return ""

    def _look(self) -> tuple[tuple[int, int], bool]:
        found = os.stat(self._path)  # noqa: PTH116  # Path.stat takes twice as long, and this is on every request's way
        return (found.st_dev, found.st_ino), found.st_size > 0


class Mark:
    """A small file beside a database: here was one, so an empty file in its place is a loss and no beginning."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".installed")

    def is_set(self) -> bool:
        """Whether something was installed here."""
        return self.path.exists()

    def set(self) -> None:
        """Say so from now on. Raises OSError."""
        if not self.is_set():
            self.path.write_text("An installation's database is beside this file. Delete both to begin anew.\n")
            self.path.chmod(0o600)

    def clear(self) -> None:
        """Forget it: the schema was taken away on purpose."""
        self.path.unlink(missing_ok=True)
