"""The image: its Dockerfile judged by a linter, and what fills it run for real. Nothing here builds an image."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from authserver.cli import copies, machine
from authserver.cli.output import NotReady
from authserver.config import Settings
from tests.architecture import sources
from tests.services import postgres
from tests.support.served import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
TOOLS = Path(sys.executable).parent


def run(*command: str | Path, **more: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=more or None, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    run(TOOLS / "hadolint", "--failure-threshold", "style", ROOT / "Dockerfile")


def test_the_linter_finds_nothing_in_the_shell_scripts() -> None:
    run(TOOLS / "shellcheck", ROOT / "run", ROOT / ".ci/run", *(ROOT / "deploy").rglob("*.sh"))


def test_the_image_is_made_of_official_images_on_one_debian_that_a_release_can_pin() -> None:
    images = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", DOCKERFILE, re.MULTILINE))
    python, client = images["PYTHON_IMAGE"], images["POSTGRES_IMAGE"]
    assert re.fullmatch(r"python:3\.\d+-slim-(\w+)", python)
    assert python.rsplit("-", 1)[1] == client.rsplit("-", 1)[1]
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {f"${{{name}}}" for name in images}
    server = re.search(r"image: .*(postgres:\d+)", (ROOT / "compose.yaml").read_text())
    assert server
    assert client.startswith(server[1])
    for name in images:
        assert f"--build-arg {name}={images[name]}@sha256:" in (ROOT / "docs/operations.md").read_text()


def test_what_the_dockerfile_copies_is_sent_to_the_builder_and_nothing_else_is() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    sent = [line[1:] for line in lines if line.startswith("!")]
    assert "*" in lines
    copying = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for source in " ".join(copying).split():
        assert source == "." or any(source == each or source.startswith(f"{each}/") for each in sent), source
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    locks = {"requirements/run.txt", "requirements/otel.txt"}
    needed = {*project["packages"], *project["force-include"], "pyproject.toml", *locks, "deploy/image"}
    assert needed == set(sent)
    assert not [name for name in sent if fnmatch.fnmatch(name, "*secret*")]


def test_the_environment_of_the_image_holds_what_a_wheel_holds_and_all_of_it_compiled(tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "app")
    python = tmp_path / "app" / "bin" / "python"
    run(python, "-I", ROOT / "deploy/image/install.py")
    site = next(tmp_path.glob("app/lib/python*/site-packages"))
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, target in {**{name: name for name in wheel["packages"]}, **wheel["force-include"]}.items():
        for name in sources.ending("", under=f"{source}/"):
            assert (site / target / name.removeprefix(f"{source}/")).is_file(), name
    modules = [file for file in (site / "authserver").rglob("*.py") if "templates" not in file.parts]
    assert [file for file in modules if not list(file.parent.glob(f"__pycache__/{file.stem}.*.pyc"))] == []
    # The packages of this environment stand in for those that the image installs by the same lock.
    (site / "locked.pth").write_text(sysconfig.get_path("purelib"))
    assert run(tmp_path / "app" / "bin" / "authserver", "version").strip()
    where = run(python, "-I", "-c", "import authserver; print(authserver.__file__)")
    assert where.startswith(str(site))


def test_the_client_of_postgresql_starts_with_the_libraries_that_were_collected(tmp_path: Path) -> None:
    found = (*postgres.wheel_binaries(), *postgres.system_binaries())
    binaries = next(folder for folder in found if (folder / "pg_dump").exists())
    run(ROOT / "deploy/image/postgres_client.sh", binaries, tmp_path / "postgres")
    lib = tmp_path / "postgres" / "lib"
    assert list(lib.glob("libpq*.so*"))
    for program in ("pg_dump", "pg_restore"):
        assert "PostgreSQL" in run(tmp_path / "postgres/bin" / program, "--version", PATH="/usr/bin:/bin")
        maps = run("ldd", tmp_path / "postgres/programs" / program, PATH="/usr/bin:/bin", LD_LIBRARY_PATH=str(lib))
        assert str(lib / "libpq") in maps
        assert "not found" not in maps


@pytest.mark.parametrize("container", [True, False])
def test_what_is_missing_in_a_container_is_not_to_be_installed_by_hand(
    container: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "_MARKS", (tmp_path,) if container else ())
    monkeypatch.delenv("container", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReady) as refused:
        copies.save(Settings(database_url="postgresql://127.0.0.1/nothing"), tmp_path / "copy")
    assert ("apt install" in str(refused.value)) is not container
    assert ("image" in str(refused.value)) is container


def test_no_message_of_the_program_names_a_package_manager_anywhere_else() -> None:
    allowed = ("authserver/cli/machine.py",)
    assert sources.lines_with(r"\b(sudo|apt|apt-get) install", sources.modules(), but=allowed) == []
