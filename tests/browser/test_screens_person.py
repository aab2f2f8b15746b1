"""The screens that a person sees: nothing wrong with them by WCAG 2.2 AA, and nothing sticks out at 320 pixels."""

from __future__ import annotations

import pytest

from tests.browser.demo import ALICE
from tests.browser.looking import look
from tests.browser.screens import NEWCOMER, PERSON, Screen, cases
from tests.browser.stage import Stage
from tests.support import chromium as windows
from tests.support.chromium import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.served]


@pytest.mark.parametrize("screen", cases(PERSON))
def test_a_screen_has_no_fault(chromium: Chromium, stage: Stage, screen: Screen) -> None:
    assert look(chromium, stage, ALICE, screen, windows.faults_at_a_desk) == []


@pytest.mark.parametrize("screen", cases(NEWCOMER))
def test_an_empty_screen_has_no_fault(chromium: Chromium, stage: Stage, screen: Screen) -> None:
    assert look(chromium, stage, stage.newcomer, screen, windows.faults_at_a_desk) == []
