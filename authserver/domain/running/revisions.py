"""The revisions of the schema, as the files of `migrations/` say them, and which versions of the server each serves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache as once

from authserver import assets


@once
def known() -> dict[str, str]:
    """Every revision of this version and the one before it, read from the files of `migrations/`."""
    return {own: before for own, before, _ in _steps()}


def _steps() -> Iterator[tuple[str, str, str]]:
    """Of each file: its revision, the one before, and the oldest that it serves if it says so."""
    for file in (assets.assets() / "migrations" / "versions").glob("*.py"):
        source = file.read_text(encoding="utf-8")
        own = re.search(r'^revision: str = "(\w+)"', source, re.M)
        before = re.search(r'^down_revision: str \| None = "(\w+)"', source, re.M)
        oldest = re.search(r'^serves: str = "(\w+)"', source, re.M)
        if own:
            yield own[1], before[1] if before else "", oldest[1] if oldest else ""


@once
def serves() -> str:
    """The revision whose version is the oldest that the newest schema serves: said by the last step that takes away.

    A step that only adds says nothing, and what was served before it is served after it.
    """
    said, revision = {own: oldest for own, _, oldest in _steps()}, newest()
    while revision and not said[revision]:
        revision = known()[revision]
    return said.get(revision, "")


def serves_also(revision: str) -> bool:
    """Whether servers of the version with this revision may go on once the database has the newest."""
    while revision and revision != serves():
        revision = known().get(revision, "")
    return revision != ""


def newest() -> str:
    """The revision no other builds on."""
    (head,) = known().keys() - set(known().values())
    return head
