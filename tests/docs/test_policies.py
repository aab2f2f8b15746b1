"""docs/security/policies.md: every figure is that of the setting or constant beside it."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from authserver.config.settings import FIELDS, Settings
from authserver.lib import durations
from tests.docs import pages

HEADINGS = ("rule", "budget, in one window", "limit")
FIGURES = [
    (row[1], pages.spans(row[2])[0])
    for heading in HEADINGS
    for row in pages.table("policies.md", heading, "figure", "from")
]


def value_of(name: str) -> Any:
    """What a setting has when nobody sets it, or a module's constant."""
    if name.startswith("AUTHSERVER_"):
        return getattr(Settings(), name.removeprefix("AUTHSERVER_").lower())
    module, _, constant = name.rpartition(".")
    return getattr(importlib.import_module(module), constant)


def is_time(name: str) -> bool:
    return name.endswith(("_SECONDS", "_TTL", "LIFETIME"))


@pytest.mark.parametrize(("said", "name"), FIGURES, ids=[name.rpartition(".")[2] for _, name in FIGURES])
def test_the_figure_is_that_of_the_code(said: str, name: str) -> None:
    value = value_of(name)
    assert said == (durations.in_words(value) if is_time(name) else str(value))


def test_every_limit_that_is_a_setting_is_listed() -> None:
    limits = {name for name in FIELDS if name.startswith(("rate_limit", "session_")) or "_per_" in name}
    assert {f"AUTHSERVER_{name.upper()}" for name in limits} <= {name for _, name in FIGURES}
