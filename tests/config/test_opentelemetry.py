"""What telling a collector needs is judged with the other settings."""

from __future__ import annotations

import sys

import pytest

from authserver import config
from authserver.errors import BadSettings

ON = {"AUTHSERVER_OPENTELEMETRY": "on"}


def test_a_protocol_that_is_not_spoken_is_refused_with_the_one_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(BadSettings, match="OTEL_EXPORTER_OTLP_PROTOCOL: only http/protobuf is spoken here"):
        config.load(ON)


def test_missing_packages_are_named_with_the_line_that_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(BadSettings, match=r"pip install 'authserver\[otel\]'"):
        config.load(ON)


def test_nothing_is_asked_of_who_leaves_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert config.load({}).opentelemetry == "off"
