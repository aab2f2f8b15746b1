"""What a start costs is that of the command and of all that it waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import starts

WORK = "import time\nwhile time.process_time() < 0.2: pass"


def test_work_of_a_child_counts_and_waiting_does_not(tmp_path: Path) -> None:
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORK!r}])"
    assert starts.cost([sys.executable, "-c", inner], tmp_path, dict(os.environ)) >= 0.2
    waits = starts.cost([sys.executable, "-c", "import time; time.sleep(1)"], tmp_path, dict(os.environ))
    assert waits < 1


def test_a_command_that_fails_has_no_cost(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        starts.cost([sys.executable, "-c", "raise SystemExit(3)"], tmp_path, dict(os.environ))
