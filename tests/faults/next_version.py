"""The version after this one: a copy of the program with one more migration, which adds a column and an index."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from authserver.domain.running import revisions
from tests.support.served import ROOT

REVISION = "9999"
_PROGRAM = "import sys; from authserver import cli; sys.exit(cli.main())"
_STEP = '''"""One step that adds."""

import sqlalchemy as sa
from alembic import op

revision: str = "{own}"
down_revision: str | None = "{before}"


def upgrade() -> None:
    op.add_column("clients", sa.Column("of_the_next_version", sa.String(32), nullable=False, server_default=""))
    op.create_index("ix_of_the_next_version", "clients", ["of_the_next_version"])
'''


@dataclass(frozen=True)
class NextVersion:
    """Where it lies."""

    home: Path

    def run(self, environment: Mapping[str, str], *words: str) -> str:
        """A command of it; what it says."""
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, *words], env={**environment, "PYTHONPATH": str(self.home)}, cwd=self.home,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def make(folder: Path) -> NextVersion:
    """It in this folder."""
    for name in ("authserver", "migrations", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    step = folder / "migrations" / "versions" / f"{REVISION}_next.py"
    step.write_text(_STEP.format(own=REVISION, before=revisions.newest()))
    return NextVersion(folder)
