"""Whether a folder can be written, found out by writing."""

from __future__ import annotations

import tempfile
from pathlib import Path


def trouble(folder: Path) -> str:
    """Why a file cannot be made in it, in one sentence; empty if one can. A missing folder is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror})."
    return ""
