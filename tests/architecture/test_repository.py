"""Rules for every file: what a stranger's clone must not depend on."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.architecture import sources

# Written in pieces, so that this file does not break its own rules.
REGISTRIES = [
    r"pypi\." + "org",
    r"pythonhosted\." + "org",
    r"registry\.npm" + "js",
    r"registry\.yarn" + "pkg",
    r"npm" + r"mirror\.",
    r"(deb|security)\.debian\." + "org",
    r"archive\.ubuntu\." + "com",
    r"repo1?\." + "maven",
    r"proxy\.golang\." + "org",
    "jsdel" + "ivr",
    "unpkg" + r"\.com",
    "cdn" + "js",
    r"crates\." + "io",
    r"dl-cdn\.alpine" + "linux",
]
MACHINE_PATHS = r"(^|[^A-Za-z0-9_.-])/(work|farm|ro" + r"ot|home/[a-z]+|Users/[A-Za-z]+)/[A-Za-z.]"
LOCKS = {name: f"requirements/{name}.txt" for name in ("run", "pg", "test", "dev", "uv")}
OTHERS = sources.ending(".txt", under="tests/interop/python/")  # what other people's software is installed from


def pins(name: str) -> dict[str, str]:
    """The pinned packages of a lock, by name."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", sources.read(LOCKS[name]), re.MULTILINE))


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_file_names_a_package_registry(host: str) -> None:
    assert sources.lines_with(host, sources.files()) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert sources.lines_with(MACHINE_PATHS, sources.files()) == []


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock", "yarn.lock"])
def test_no_lock_file_full_of_addresses_is_committed(name: str) -> None:
    assert sources.ending(name) == []


@pytest.mark.parametrize("name", [*LOCKS.values(), *OTHERS])
def test_every_locked_package_has_hashes_and_none_has_an_address(name: str) -> None:
    text = sources.read(name)
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=)", text, re.MULTILINE)
    packages = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []
    assert [package.split()[0] for package in packages if "==" not in package.split()[0]] == []


@pytest.mark.parametrize(("smaller", "larger"), [("run", "pg"), ("pg", "test"), ("test", "dev")])
def test_each_lock_holds_everything_of_the_one_before(smaller: str, larger: str) -> None:
    """`run` takes an installed lock as proof of the ones before it."""
    assert pins(smaller).items() <= pins(larger).items()


def test_what_runs_stays_within_fifty_packages() -> None:
    assert len(pins("run")) <= 50


@pytest.mark.parametrize("folder", ["tests/interop/node", "bench/peers"])
def test_the_node_lock_has_hashes_and_no_addresses_of_packages(folder: str) -> None:
    lock = json.loads(sources.read(f"{folder}/package-lock.json"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if "integrity" not in entry or "resolved" in entry] == []
    wanted = json.loads(sources.read(f"{folder}/package.json"))["dependencies"]
    assert [name for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_shell_scripts_are_executable() -> None:
    assert [name for name in ("run", ".ci/run") if not os.access(sources.ROOT / name, os.X_OK)] == []


def test_continuous_integration_calls_the_commands_of_the_readme() -> None:
    assert {"make check", "make test"} <= set(sources.read(".ci/run").splitlines())


def test_the_tests_that_security_md_names_exist() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", (sources.ROOT / "SECURITY.md").read_text(encoding="utf-8")))
    assert len(named) > 20
    assert sorted(name for name in named if not (sources.ROOT / name).is_file()) == []


def test_no_test_stops_the_sleep_of_a_whole_process() -> None:
    """Other threads sleep, too: they would take a test's turns, or spin. What is tested gets a `time` of its own."""
    patched = re.compile(r"""time\.sleep["']|\btime, ["']sleep["']""")
    found = [
        f"{file.relative_to(sources.ROOT)}:{number}"
        for file in sorted((sources.ROOT / "tests").rglob("*.py"))
        if file != Path(__file__)
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if patched.search(line)
    ]
    assert found == []
