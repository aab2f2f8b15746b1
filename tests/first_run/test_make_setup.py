"""`make setup` with whatever a machine has: uv, pip, the pip inside ensurepip, or none of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.first_run import checkout

pytestmark = pytest.mark.served

HIDE_BOTH = "import sys; sys.modules['pip'] = sys.modules['ensurepip'] = None"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone whose lock is short: the way to the packages is looked at, not their number."""
    folder = checkout.copy(tmp_path)
    lock = folder / "requirements" / "run.txt"
    lock.write_text("".join(re.findall(r"^click==.*\n(?: +--hash.*\n)+", lock.read_text(), re.MULTILINE)))
    return folder


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """A folder with a Python that has no pip, but ensurepip."""
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    subprocess.run([base, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True, timeout=60)
    return tmp_path / "bare"


def set_up(clone: Path, path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./run", "setup"],
        cwd=clone,
        env=checkout.environment(**{"PATH": path, **variables}),
        capture_output=True,
        text=True,
        timeout=180,
        stdin=subprocess.DEVNULL,
    )


def has_click(clone: Path) -> bool:
    return subprocess.run([clone / ".venv/bin/python", "-c", "import click"], timeout=30).returncode == 0


def test_a_uv_on_the_path_is_taken_and_pip_not_asked(clone: Path, bare_python: Path, tmp_path: Path) -> None:
    (next(bare_python.glob("lib/python*/site-packages")) / "hide.pth").write_text(HIDE_BOTH)
    (tools := tmp_path / "tools").mkdir()
    (tools / "uv").symlink_to(checkout.uv())
    done = set_up(clone, f"{tools}:{bare_python / 'bin'}:{checkout.without_uv(tmp_path)}", PYTHON="python3")
    assert done.returncode == 0, done.stderr
    assert has_click(clone)
    assert not (clone / ".venv" / "uv").exists()


@pytest.mark.long_more
def test_what_uv_installed_is_compiled_also_where_no_start_may_write(
    clone: Path, bare_python: Path, tmp_path: Path
) -> None:
    (tools := tmp_path / "tools").mkdir()
    (tools / "uv").symlink_to(checkout.uv())
    path = f"{tools}:{bare_python / 'bin'}:{checkout.without_uv(tmp_path)}"
    done = set_up(clone, path, PYTHON="python3", PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stderr
    assert list(clone.glob(".venv/lib/python*/site-packages/click/__pycache__/core.*.pyc"))
    assert list(clone.glob("authserver/cli/__pycache__/client.*.pyc"))


@pytest.mark.long_more
def test_a_python_with_only_ensurepip_fetches_uv_by_its_hash(clone: Path, bare_python: Path, tmp_path: Path) -> None:
    done = set_up(clone, f"{bare_python / 'bin'}:{checkout.without_uv(tmp_path)}", PYTHON="python3")
    assert done.returncode == 0, done.stderr
    assert has_click(clone)
    assert (clone / ".venv/uv/bin/uv").exists()
    assert list(clone.glob("authserver/__pycache__/__init__.*.pyc"))


@pytest.mark.long_more
def test_a_uv_that_is_not_the_locked_one_is_not_run_and_pip_does_it_all(
    clone: Path, bare_python: Path, tmp_path: Path
) -> None:
    lock = clone / "requirements" / "uv.txt"
    lock.write_text(re.sub(r"sha256:\w{64}", "sha256:" + "0" * 64, lock.read_text()))
    done = set_up(clone, f"{bare_python / 'bin'}:{checkout.without_uv(tmp_path)}", PYTHON="python3")
    assert done.returncode == 0, done.stderr
    assert "Going on without uv" in done.stderr
    assert has_click(clone)
    assert not (clone / ".venv" / "uv").exists()


@pytest.mark.long_more
def test_a_uv_that_fails_leaves_the_work_to_pip(clone: Path, bare_python: Path, tmp_path: Path) -> None:
    (tools := tmp_path / "tools").mkdir()
    (tools / "uv").write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    (tools / "uv").chmod(0o755)
    done = set_up(clone, f"{tools}:{bare_python / 'bin'}:{checkout.without_uv(tmp_path)}", PYTHON="python3")
    assert done.returncode == 0, done.stderr
    assert "Trying the same with pip" in done.stderr
    assert has_click(clone)


def test_a_python_that_can_fetch_nothing_gets_the_line_that_helps(
    clone: Path, bare_python: Path, tmp_path: Path
) -> None:
    (next(bare_python.glob("lib/python*/site-packages")) / "hide.pth").write_text(HIDE_BOTH)
    only = checkout.without_uv(tmp_path, also=r"python[0-9.]*$")
    done = set_up(clone, f"{bare_python / 'bin'}:{only}")
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.long_more
def test_what_pip_was_told_about_its_index_is_handed_to_uv(clone: Path, bare_python: Path, tmp_path: Path) -> None:
    (tools := tmp_path / "tools").mkdir()
    seen = tmp_path / "seen"
    (tools / "uv").write_text(f"#!/bin/sh\nenv | grep -E '^(UV_|SSL_)' >>'{seen}'\n")
    (tools / "uv").chmod(0o755)
    settings = tmp_path / "pip.conf"
    settings.write_text(
        "[global]\nindex-url = https://index.test/simple\nextra-index-url = https://a.test\n  https://b.test\n"
    )
    set_up(
        clone,
        f"{tools}:{bare_python / 'bin'}:{checkout.without_uv(tmp_path)}",
        PYTHON="python3",
        PIP_CONFIG_FILE=str(settings),
        PIP_CERT="/etc/of/variable.pem",
        SSL_CERT_FILE="",
        **dict.fromkeys(("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX"), ""),
    )
    lines = seen.read_text().splitlines()
    assert "UV_DEFAULT_INDEX=https://index.test/simple" in lines
    assert "UV_INDEX=https://a.test https://b.test" in lines
    assert "SSL_CERT_FILE=/etc/of/variable.pem" in lines
