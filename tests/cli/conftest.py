"""Commands on the test's own database."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from authserver import cli, config
from authserver.config import Settings

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    app: Flask, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run a whole command line; gives exit code, stdout, stderr."""
    file = tmp_path / "authserver.toml"
    file.write_text(f'database_url = "{settings.database_url}"\nsecret_key = "{settings.secret_key}"\n')

    def call(*words: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = cli.main(["--config", str(file), *words])
        config.install(settings)
        out, err = capsys.readouterr()
        return code, out, err

    return call
