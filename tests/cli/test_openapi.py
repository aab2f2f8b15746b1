"""authserver openapi: the same document as /openapi.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from authserver import cli


def test_it_prints_the_document_without_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["openapi"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["openapi"].startswith("3.1") and "/v1/me" in document["paths"]
    assert list(tmp_path.iterdir()) == []


def test_it_writes_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["openapi", "--output", "api.json"]) == 0
    assert json.loads((tmp_path / "api.json").read_text())["info"]["title"]
