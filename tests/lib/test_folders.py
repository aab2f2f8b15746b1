"""Whether a folder can be written is found out by writing."""

from __future__ import annotations

from pathlib import Path

from authserver.lib import folders


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    assert folders.trouble(tmp_path / "a" / "b") == ""
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_what_cannot_be_written_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "Not a directory" in folders.trouble(tmp_path / "file" / "below")
