"""A database's file must stay the one that was opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authserver.lib import watched_file
from authserver.lib.watched_file import Mark, WatchedFile


def _replace(file: Path) -> None:
    file.with_suffix(".new").write_bytes(b"another")
    file.with_suffix(".new").replace(file)


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (lambda file: None, ""),
        (lambda file: file.write_bytes(b"longer than before"), ""),
        (lambda file: file.unlink(), watched_file.GONE),
        (_replace, watched_file.REPLACED),
        (lambda file: file.write_bytes(b""), watched_file.EMPTIED),
    ],
    ids=["nothing", "written", "deleted", "replaced", "emptied"],
)
def test_what_became_of_a_file_is_told(tmp_path: Path, happens: Callable[[Path], None], said: str) -> None:
    file = tmp_path / "a.sqlite3"
    file.write_bytes(b"content")
    watched = WatchedFile(file)
    happens(file)
    assert watched.trouble() == said


def test_a_new_file_is_empty_until_it_is_filled(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite3"
    file.touch()
    watched = WatchedFile(file)
    assert watched.trouble() == ""
    file.write_bytes(b"content")
    assert watched.trouble() == ""
    file.write_bytes(b"")
    assert watched.trouble() == watched_file.EMPTIED


def test_a_file_that_comes_back_is_the_same_again(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite3"
    file.write_bytes(b"content")
    watched = WatchedFile(file)
    file.rename(tmp_path / "away")
    assert watched.trouble() == watched_file.GONE
    (tmp_path / "away").rename(file)
    assert watched.trouble() == ""


def test_the_mark_is_private_and_lies_beside_the_database(tmp_path: Path) -> None:
    mark = Mark(tmp_path / "a.sqlite3")
    mark.set()
    assert mark.path == tmp_path / "a.sqlite3.installed"
    assert mark.path.stat().st_mode & 0o777 == 0o600
    mark.clear()
    assert not mark.is_set()
