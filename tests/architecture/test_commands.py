"""The commands of ./run: all of them reachable by make, the long sets, the bill of materials, the audit."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import time
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.architecture import sources
from tests.architecture.test_repository import pins
from tests.support import long_sets


def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", sources.ROOT / ".ci" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_make_offers_every_command_of_run_and_the_help_names_it() -> None:
    commands = set(re.findall(r"^    ([a-z]+)(?: \| [a-z]+)*\) ", sources.read("run"), re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", sources.read("Makefile"), re.MULTILINE))
    phony = set(re.findall(r"^\.PHONY: (.*)", sources.read("Makefile"), re.MULTILINE)[0].split())
    assert {"setup", "test", "check", "bench", "isolation", "interop", "faults", "sbom"} <= targets
    assert targets == phony
    assert targets - {"run", "help"} == commands - {"demo", "help"}
    shown = subprocess.run([sources.ROOT / "run", "help"], capture_output=True, text=True, timeout=30).stdout
    assert [name for name in targets - {"run", "help"} if f"./run {name} " not in shown] == []


class Item:
    """A test with some markers, as pytest shows it to a hook."""

    path = Path("tests/served/test_serving.py")

    def __init__(self, *markers: str, nodeid: str = "") -> None:
        self.markers, self.nodeid = [*markers], nodeid

    def add_marker(self, marker: pytest.MarkDecorator) -> None:
        self.markers.append(marker.name)

    def get_closest_marker(self, name: str) -> bool:
        return name in self.markers

    def iter_markers(self) -> list[pytest.Mark]:
        return [getattr(pytest.mark, name).mark for name in self.markers]


def test_the_long_sets_run_when_asked_for_and_only_then() -> None:
    short, interop, fault = Item("interop", "fault"), Item("interop", "long_interop"), Item("long_fault")
    items: Any = [short, interop, fault]
    for markexpr, args, expected in [
        ("", [], [interop, fault]),
        ("not browser", ["tests/oauth"], [interop, fault]),
        ("interop or long_interop", [], [fault]),
        ("fault or long_fault", [], [interop]),
        ("long_interop or long_fault", [], []),
        ("long_more", [], [interop, fault]),
        ("", ["tests/interop/test_apache.py"], [fault]),
        ("", ["tests/interop"], [fault]),
        ("", [Path("tests/faults/test_disk.py")], [interop]),
        ("", ["tests/served/test_serving.py::test_x"], []),
    ]:
        assert long_sets.left_out(items, markexpr, args) == expected, (markexpr, args)


@pytest.mark.parametrize("marker", long_sets.SETS)
def test_a_long_set_has_a_command_and_a_place_in_what_ci_runs(marker: str) -> None:
    """Every test that `make test` leaves out is run by its own command, by `make long`, and so by CI."""
    command = long_sets.SETS[marker].command
    words = dict(re.findall(r"^    ([a-z]+)\) run_tests (.*) \"\$@\" ;;$", sources.read("run"), re.MULTILINE))
    asked = words[command.partition(" ")[2]]
    assert marker in asked or long_sets.SETS[marker].place in f"{asked}/"
    assert re.search(rf"\b{marker}\b", words["long"])
    assert "make long" in sources.read(".ci/run").splitlines()
    assert command in sources.read("CONTRIBUTING.md")


def test_every_marker_of_a_long_set_is_known_to_the_runs() -> None:
    markers = tomllib.loads(sources.read("pyproject.toml"))["tool"]["pytest"]["ini_options"]["markers"]
    long = {name: says for name, _, says in (each.partition(": ") for each in markers) if name.startswith("long_")}
    assert long.keys() == long_sets.SETS.keys()
    assert [name for name, says in long.items() if long_sets.SETS[name].command not in says] == []


def test_a_test_of_the_doors_runs_on_postgresql_first_and_on_sqlite_with_more() -> None:
    here = [f"tests/pages/test_x.py::test_{name}" for name in ("a[sqlite-1]", "a[postgresql-1]", "b[sqlite]", "c")]
    items: Any = [Item(nodeid=each) for each in [*here, "tests/domain/test_y.py::test_a[sqlite]"]]
    long_sets.mark_second_runs(items)
    assert [item.nodeid for item in items if item.markers] == here[:1]
    assert items[0].get_closest_marker("long_more")


def test_with_too_little_time_no_long_set_always_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(long_sets.UNTIL, str(time.time() + 60))
    assert long_sets.are_timed()
    monkeypatch.delenv(long_sets.UNTIL)
    assert not long_sets.are_timed()


def test_a_long_test_does_not_start_after_its_time_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    long, short = Item("long_fault"), Item("fault")
    monkeypatch.setenv(long_sets.UNTIL, str(time.time() + 60))
    long_sets.skip_if_out_of_time(long)  # type: ignore[arg-type]
    monkeypatch.setenv(long_sets.UNTIL, str(time.time() - 1))
    long_sets.skip_if_out_of_time(short)  # type: ignore[arg-type]
    with pytest.raises(pytest.skip.Exception, match="make faults"):
        long_sets.skip_if_out_of_time(long)  # type: ignore[arg-type]


def test_the_bill_of_materials_is_the_lock_and_always_the_same(tmp_path: Path) -> None:
    for seed in ("1", "2"):  # what is compared with the specification's schema is the same; CI does it once
        command = ["./run", "sbom", tmp_path / seed, "--no-validate"]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(command, cwd=sources.ROOT, env=environment, check=True, capture_output=True, timeout=120)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    bill = json.loads((tmp_path / "1").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "authserver"
    assert {part["name"]: part["version"] for part in bill["components"]}.items() >= pins("run").items()
    for part in bill["components"]:
        assert part["externalReferences"][0]["hashes"], part["name"]


def test_the_audit_says_what_it_did_not_judge(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audited = audit()
    good, unseen = {"name": "flask", "version": "3.1", "vulns": []}, {"name": "uv", "skip_reason": "no answer"}
    bad = {"name": "jinja2", "version": "2.10", "vulns": [{"id": "PYSEC-2019-217"}]}
    monkeypatch.setattr(audited, "pins", lambda *_: {"flask": {"3.1"}, "jinja2": {"2.10"}, "uv": {"1"}})
    monkeypatch.setattr(audited, "installed_otherwise", lambda _: [])
    for answers, code, said, unsaid in [
        ([good], 0, "NOT ASKED, since they are for other systems or Pythons: jinja2, uv", "flask,"),
        ([good, bad, unseen], 1, "in the 4 packages judged", "NOT ASKED"),
        ([good], 0, "0 known vulnerabilities in the 2 packages judged", "NOT JUDGED"),
        ([unseen], 0, "NOT JUDGED: from here no service for known vulnerabilities answered about 2", "in the 1"),
        ([good, bad], 1, "jinja2 2.10: PYSEC-2019-217", "NOT JUDGED"),
    ]:
        monkeypatch.setattr(audited, "ask_for_vulnerabilities", lambda lock, answers=answers: answers)
        assert audited.main() == code
        printed = capsys.readouterr().out
        assert said in printed
        assert unsaid not in printed


def test_the_audit_finds_what_is_installed_otherwise_than_locked() -> None:
    audited = audit()
    assert audited.installed_otherwise(audited.pins(*audited.LOCKS)) == []
    assert len(audited.installed_otherwise({"flask": {"0.1"}, "never-heard-of": {"1"}})) == 1
