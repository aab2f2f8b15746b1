"""One demo and one Chromium for a process of the run, one window for a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

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


@pytest.fixture(scope="package")
def program() -> Iterator[Browser]:
    """Chromium itself: to start it and what drives it takes seconds."""
    with windows.started() as running:
        yield running


@pytest.fixture(scope="module")
def chromium(demo: Demo, program: Browser) -> Iterator[Chromium]:
    with windows.looking_at(demo.issuer, program) as windows_of_demo:
        yield windows_of_demo


@pytest.fixture
def page(chromium: Chromium) -> Iterator[Page]:
    """The window of somebody who is not signed in."""
    with chromium.window() as opened:
        yield opened


@pytest.fixture(scope="session")
def stage(demo: Demo) -> Stage:
    """Everything that screens show."""
    return stages.build(demo)
