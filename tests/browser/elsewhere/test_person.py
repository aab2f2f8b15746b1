"""The screens that a person sees: nothing wrong with them by WCAG 2.2 AA on a phone, nor by night."""

from __future__ import annotations

import pytest

from tests.browser.demo import ALICE
from tests.browser.looking import look
from tests.browser.screens import NEWCOMER, PERSON, Screen
from tests.browser.stage import Stage
from tests.support import chromium as windows
from tests.support.chromium import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.served, pytest.mark.long_screens]


@pytest.mark.parametrize("screen", PERSON, ids=lambda screen: screen.name)
def test_a_screen_has_no_fault_elsewhere(chromium: Chromium, stage: Stage, screen: Screen) -> None:
    assert look(chromium, stage, ALICE, screen, windows.faults_elsewhere) == []


@pytest.mark.parametrize("screen", NEWCOMER, ids=lambda screen: screen.name)
def test_an_empty_screen_has_no_fault_elsewhere(chromium: Chromium, stage: Stage, screen: Screen) -> None:
    assert look(chromium, stage, stage.newcomer, screen, windows.faults_elsewhere) == []
