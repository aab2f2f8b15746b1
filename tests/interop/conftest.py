"""The house with https, one for each process of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import house as houses
from tests.interop.house import House


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with houses.standing(tmp_path_factory.mktemp("https")) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where one software lives."""
    return tmp_path
