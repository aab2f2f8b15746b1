"""The alert rules and the dashboard's expressions, as Prometheus' own promtool reads them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop import sites
from tests.support.served import ROOT

pytestmark = [pytest.mark.interop, pytest.mark.long_interop]
RULES = ROOT / "deploy" / "prometheus"
INTERVALS = {"$__rate_interval": "5m"}


def promtool(folder: Path, *words: str) -> str:
    command = [sites.program("promtool", "prometheus"), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_alert_fires_when_it_should_and_alone() -> None:
    assert "SUCCESS" in promtool(RULES, "test", "rules", "alerts.test.yaml")


def test_an_alert_that_no_longer_fires_is_noticed(tmp_path: Path) -> None:
    shutil.copy(RULES / "alerts.test.yaml", tmp_path)
    text = (RULES / "alerts.yaml").read_text().replace("authserver_ready == 0", "authserver_ready == 2")
    (tmp_path / "alerts.yaml").write_text(text)
    with pytest.raises(AssertionError, match="AuthserverNotReady"):
        promtool(tmp_path, "test", "rules", "alerts.test.yaml")


def test_the_configuration_and_its_rules_are_well_formed() -> None:
    promtool(RULES, "check", "config", "prometheus.yml")


def test_every_expression_of_the_dashboard_is_well_formed(tmp_path: Path) -> None:
    panels = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())["panels"]
    written = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    for name, value in INTERVALS.items():
        written = [each.replace(name, value) for each in written]
    rules = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(written)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool(tmp_path, "check", "rules", "rules.yaml")
