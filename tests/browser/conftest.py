"""One demo for a process of the run, one Chromium for a module, one window for a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser import demo as demos
from tests.browser import stage as stages
from tests.browser.demo import Demo
from tests.browser.stage import Stage
from tests.services import chromium as programs
from tests.support import chromium as windows
from tests.support.chromium import Chromium


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    programs.executable()  # without Chromium nothing is started
    with demos.running() as running:
        yield running


@pytest.fixture(scope="module")
def chromium(demo: Demo) -> Iterator[Chromium]:
    with windows.running(demo.issuer) as running:
        yield running


@pytest.fixture
def page(chromium: Chromium) -> Iterator[Page]:
    """The window of somebody who is not signed in."""
    with chromium.window() as opened:
        yield opened


@pytest.fixture(scope="session")
def stage(demo: Demo) -> Stage:
    """Everything that screens show."""
    return stages.build(demo)
