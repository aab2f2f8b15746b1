"""The wheel holds all that `pipx`, `uvx` and `pip install` need (ux.md section 5.3)."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture import sources

OUTSIDE = {"templates": "authserver/_assets/templates", "static": "authserver/_assets/static"}
OUTSIDE |= {"migrations": "authserver/_assets/migrations", "docs/connect": "authserver/_assets/docs/connect"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    built = subprocess.run(command, cwd=sources.ROOT, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    assert set(sources.modules()) - set(wheel.namelist()) == set()


@pytest.mark.parametrize("folder", OUTSIDE)
def test_the_wheel_holds_the_files_beside_the_package(wheel: zipfile.ZipFile, folder: str) -> None:
    wanted = {OUTSIDE[folder] + name.removeprefix(folder) for name in sources.ending("", under=f"{folder}/")}
    assert wanted - set(wheel.namelist()) == set()


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"authserver"}
    assert [name for name in wheel.namelist() if "__pycache__" in name or name.endswith(".sqlite3")] == []


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "authserver = authserver.cli:main" in wheel.read(entry_points).decode()


def test_the_command_runs_from_an_unpacked_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    script = "import authserver.cli, sys; print(authserver.cli.__file__); sys.argv = ['authserver', '--help']"
    command = [sys.executable, "-c", f"{script}; authserver.cli.main()"]
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"}
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(str(tmp_path))
    assert "demo" in answer.stdout


SERVE = """
import authserver, authserver.cli
assert authserver.cli.main(["migrate"]) == 0
client = authserver.create_app().test_client()
style, page = client.get("/static/css/app.css"), client.get("/login", base_url="http://localhost:8000")
print(authserver.__file__, style.status_code, page.status_code, "</html>" in page.text, sep="\\n")
"""


def test_an_unpacked_wheel_makes_its_database_and_serves_its_pages(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    environment = {
        "PYTHONPATH": str(tmp_path / "site"),
        "PATH": "/usr/bin:/bin",
        "AUTHSERVER_SECRET_KEY": "an-example-key-for-one-test-0123456789",
        "AUTHSERVER_DATABASE_URL": f"sqlite:///{tmp_path}/wheel.sqlite3",
    }
    command = [sys.executable, "-c", SERVE]
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    place, *statuses = answer.stdout.split()[-4:]
    assert place.startswith(str(tmp_path))
    assert statuses == ["200", "200", "True"]
