"""What happens to a test whose program is not on this machine: skipped loudly, but a failure in CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

ON = {"1", "true", "yes", "on"}


def is_failure() -> bool:
    """Whether a missing program fails the test: set by `.ci/run`, where a skip would hide that nothing ran."""
    return any(os.environ.get(name, "").lower() in ON for name in ("REQUIRE_ALL_TESTS", "CI"))


def skip_or_fail(reason: str, install_line: str) -> NoReturn:
    """End the test because a program is missing; `install_line` is the command that brings it."""
    if os.geteuid() == 0:
        install_line = install_line.replace("sudo ", "")
    message = f"{reason}. This brings it: {install_line}"
    if is_failure():
        pytest.fail(message, pytrace=False)
    pytest.skip(message, allow_module_level=True)
