"""Units, compose file and Dockerfile say what the code does."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from authserver import config
from authserver.cli import VERBS
from authserver.cli.processes import DRAIN_SECONDS, IN_FLIGHT_SECONDS
from tests.support.served import ROOT

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
FILES = [*UNITS, ROOT / "compose.yaml", ROOT / "Dockerfile"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_the_unit(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not on this machine")
    # The command is there only after an installation.
    copy = tmp_path / unit.name
    copy.write_text(
        unit.read_text().replace("/opt/authserver/bin/authserver", "/bin/true").replace("authserver.service", "")
    )
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert unit.name not in done.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_setting_and_every_verb_exists(file: Path) -> None:
    text = file.read_text()
    for name in re.findall(r"\bAUTHSERVER_([A-Z_]+)", text):
        assert name.lower().removesuffix("_file") in config.settings.FIELDS, name
    verbs = re.findall(r'bin/authserver (\w+)\n|"authserver", "(\w+)"', text)
    assert {verb for found in verbs for verb in found if verb} <= set(VERBS)


def test_whoever_stops_us_waits_for_the_drain() -> None:
    needed = DRAIN_SECONDS + IN_FLIGHT_SECONDS
    unit, compose = UNITS[0].read_text(), (ROOT / "compose.yaml").read_text()
    assert int(re.findall(r"TimeoutStopSec=(\d+)", unit)[0]) > needed
    assert int(re.findall(r"stop_grace_period: (\d+)s", compose)[0]) > needed
    assert "KillMode=mixed" in (ROOT / "deploy/systemd/authserver.service").read_text()


def test_the_container_runs_without_rights() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER \d+$", dockerfile, re.MULTILINE)
    assert "--require-hashes" in dockerfile


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_secret_stands_in_a_file(file: Path) -> None:
    assert not re.search(r"(PASSWORD|SECRET_KEY|KEK)\s*[:=]\s*['\"]?[A-Za-z0-9+/]{8,}", file.read_text())
