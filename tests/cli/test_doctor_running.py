"""`authserver doctor`: what was last done, and what the server that runs here has lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authserver import cli
from authserver.cli.doctor import served
from authserver.config import Settings
from authserver.observability import metrics
from tests.support.served import free_port


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTHSERVER_SECRET_KEY", "s" * 48)
    monkeypatch.setenv("AUTHSERVER_ISSUER", "http://localhost:9")
    monkeypatch.setenv("AUTHSERVER_METRICS_BIND", "127.0.0.1:9")
    assert cli.main(["migrate"]) == 0
    return tmp_path


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert cli.main(["doctor", "--json"]) == 0
    return {each["check"]: each for each in json.loads(capsys.readouterr().out)}


def test_what_was_never_done_is_told_with_what_does_it(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    found = rows(capsys)
    for name, remedy in (("retention", "authserver worker"), ("backup", "authserver backup FILE")):
        said = found[f"last {name}"]
        assert (said["state"], said["text"], said["remedy"]) == ("warn", "never", remedy)


def test_what_was_done_just_now_is_well(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert cli.main(["purge"]) == cli.main(["backup", str(folder / "kaie.backup")]) == 0
    found = rows(capsys)
    for name in ("retention", "backup"):
        assert (found[f"last {name}"]["state"], found[f"last {name}"]["remedy"]) == ("ok", "")
        assert found[f"last {name}"]["text"].endswith(" s ago")


def test_without_a_server_nothing_is_known_of_what_it_lost(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys)
    assert found["figures"]["state"] == "skip"
    assert "log lines" not in found


@pytest.fixture
def bind() -> Iterator[str]:
    """The figures of this process, served as a server serves its own."""
    address = f"127.0.0.1:{free_port()}"
    server = metrics.serve(address)
    assert server is not None
    yield address
    server.shutdown()
    server.server_close()


def test_what_the_server_lost_is_asked_of_the_server(bind: str) -> None:
    def states() -> dict[str, tuple[str, str]]:
        return {each.check: (each.state, each.text) for each in served.figures(Settings(metrics_bind=bind))}

    metrics.RATE_LIMIT_STORAGE_LOST.clear()  # what a test before this one lost is no matter of this server's
    storage = metrics.RATE_LIMIT_STORAGE_LOST.labels("redis")
    storage.set(0)
    assert states()["rate limits"][0] == "ok"
    storage.set(1)
    before = metrics.lines_dropped()
    metrics.LOG_LINES_DROPPED.inc(2)
    told = states()
    storage.set(0)
    assert told["log lines"] == ("warn", f"{before + 2} were dropped since the server started")
    assert told["rate limits"][0] == "bad" and "redis" in told["rate limits"][1]


def test_a_chore_that_failed_is_asked_of_whoever_does_them(bind: str) -> None:
    def row() -> tuple[str, str]:
        found = served.figures(Settings(metrics_bind=bind))
        return next((each.state, each.text) for each in found if each.check == "chores")

    metrics.CHORE_FAILED.clear()  # of a test before this one
    assert row()[0] == "skip"
    for name, failed in (("retention.purge", 0), ("keys.rotate_if_due", 0)):
        metrics.CHORE_FAILED.labels(name).set(failed)
    assert row()[0] == "ok"
    metrics.CHORE_FAILED.labels("retention.purge").set(1)
    assert row() == ("bad", "failed when last tried: retention.purge")
    metrics.CHORE_FAILED.clear()
