"""A test finds nothing of the one before in any variable of the server."""

from __future__ import annotations

import dataclasses
import importlib
import os
import threading
import types
from collections import deque
from contextvars import ContextVar
from typing import Any, TypeVar

import click
import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from authserver.domain.ground import cache, usage
from tests.support import memory
from tests.support.memory import Memory

# Kinds of variables in which a test leaves nothing: figures that only grow, and what is made once by the source.
HARMLESS = (
    Blueprint, click.Command, CollectorRegistry, TypeVar, types.GenericAlias, types.MethodType, types.NoneType,
    types.UnionType, type(threading.Lock()),
)  # fmt: skip
MADE_BY = ("typing.", "collections.abc.", "__future__.", "sqlalchemy.")


def is_harmless(value: Any) -> bool:
    kind = type(value)
    is_frozen = dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    return is_frozen or isinstance(value, HARMLESS) or f"{kind.__module__}.".startswith(MADE_BY)


def test_every_variable_of_the_server_is_put_back_or_can_hold_nothing() -> None:
    """A new kind of variable: teach `memory.how_to_undo` to put it back, or say above why nothing is left in it."""
    assert {name: value for name, value in memory.strange().items() if not is_harmless(value)} == {}


@pytest.mark.parametrize("name", memory.KEPT)
def test_what_is_kept_is_there(name: str) -> None:
    module, _, variable = name.rpartition(".")
    assert hasattr(importlib.import_module(module), variable)


class Odd:
    """Belongs to no module of the server."""


class Counting:
    """Stands for a class of the server."""

    __module__ = "authserver.example"

    def __init__(self) -> None:
        self.count = 0
        self.seen = ["first"]


def change(value: Any) -> None:
    if isinstance(value, dict):
        value["left"] = 1
    elif isinstance(value, set):
        value.add("left")
    elif isinstance(value, (list, deque)):
        value.append("left")
    elif isinstance(value, Counting):
        value.count, value.new = 5, 1  # type: ignore[attr-defined]
        value.seen.append("left")


@pytest.mark.parametrize(
    "value", [{"a": 1}, {"a"}, ["a"], deque(["a"], maxlen=2), Counting()], ids=lambda each: type(each).__name__
)
def test_each_kind_is_put_back(value: Any) -> None:
    look = vars if isinstance(value, Counting) else lambda each: each
    before = repr(look(value))
    undo = memory.how_to_undo(value)
    assert undo is not None
    change(value)
    assert repr(look(value)) != before
    undo()
    assert repr(look(value)) == before


def test_events_and_context_variables_are_put_back() -> None:
    event, variable = threading.Event(), ContextVar("variable", default="before")
    undo_event, undo_variable = memory.how_to_undo(event), memory.how_to_undo(variable)
    event.set()
    variable.set("left")
    assert undo_event and undo_variable
    undo_event()
    undo_variable()
    assert (event.is_set(), variable.get()) == (False, "before")


def test_nobody_knows_how_to_put_back_an_object_of_others() -> None:
    assert memory.how_to_undo(Odd()) is None


def test_what_a_server_remembers_is_forgotten(app: Flask, http: FlaskClient) -> None:
    remembered = Memory()
    before = dict(usage._counts), dict(cache._versions), cache._polled_at
    http.post("/oauth/token", data={"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"})
    assert (dict(usage._counts), dict(cache._versions), cache._polled_at) != before
    remembered.restore()
    assert (dict(usage._counts), dict(cache._versions), cache._polled_at) == before


def test_a_variable_of_the_environment_goes_with_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT_BEFORE", "as it was")
    remembered = Memory()

    os.environ["LEFT_BEHIND"] = "by a test"
    del os.environ["KEPT_BEFORE"]
    remembered.restore()

    assert "LEFT_BEHIND" not in os.environ
    assert os.environ["KEPT_BEFORE"] == "as it was"
