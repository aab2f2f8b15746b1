"""`python -m bench.starts`: what a start costs, in seconds of a core: the help, verbs that open the database, a worker.

On a machine that others use the figures are also theirs: the import of SQLAlchemy's ORM stands beside them.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import served

ROUNDS = 3
YARDSTICK = "import sqlalchemy.orm"
# As a worker does it, in a process of its own, which then ends at once.
_WORKER = """
import multiprocessing, os
from authserver import config
from authserver.cli import serving
from authserver.domain.running import standing
spawn = multiprocessing.get_context("spawn")
serving.load(config.load(), spawn.RawValue("b", 0), spawn.RawArray("c", standing.BOARD_BYTES), None)
os._exit(0)
"""
_COMMANDS: tuple[tuple[str, Sequence[str], float], ...] = (
    ("--help", ("--help",), 0.15),
    ("client list", ("client", "list"), 0.6),
    ("user list", ("user", "list"), 0.6),
    ("key list", ("key", "list"), 0.6),
)
WORKER_SECONDS = 1.2


def main() -> None:
    """Measure each in turns, print the medians and what they may cost."""
    with tempfile.TemporaryDirectory(prefix="authserver-starts-") as made:
        folder = Path(made)
        given = served.environment(f"sqlite:///{folder}/starts.sqlite3", folder, served.free_port())
        command = str(served.COMMAND)
        cost([command, "migrate"], folder, given)
        wanted = [(name, [command, *words], most) for name, words, most in _COMMANDS]
        wanted.append(("a worker", [sys.executable, "-c", _WORKER], WORKER_SECONDS))
        wanted.append((YARDSTICK, [sys.executable, "-c", YARDSTICK], 0.0))
        taken: dict[str, list[float]] = {name: [] for name, _, _ in wanted}
        for _ in range(ROUNDS):
            for name, words, _ in wanted:
                taken[name].append(cost(words, folder, given))
    for name, _, most in wanted:
        print(f"{name:24}{statistics.median(taken[name]):>8.3f} s" + (f"   of {most:g}" if most else ""))


def cost(words: Sequence[str], folder: Path, given: Mapping[str, str]) -> float:
    """Seconds of a core that a command took, with all that it waited for. Raises CalledProcessError."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, cwd=folder, env=given, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
