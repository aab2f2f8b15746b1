"""The screens that anybody may open: nothing wrong with them by WCAG 2.2 AA, and nothing sticks out at 320 pixels."""

from __future__ import annotations

import pytest

from tests.browser.looking import look
from tests.browser.screens import PUBLIC, Screen, cases
from tests.browser.stage import Stage
from tests.support import chromium as windows
from tests.support.chromium import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.served]


@pytest.mark.parametrize("screen", cases(PUBLIC))
def test_a_screen_has_no_fault(chromium: Chromium, stage: Stage, screen: Screen) -> None:
    assert look(chromium, stage, "", screen, windows.faults_at_a_desk) == []
