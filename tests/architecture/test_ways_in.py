"""Every way to get a session is listed here (ASVS 6.1.3): a new one needs a thought about its strength."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2] / "authserver"


def files_calling(call: str) -> set[str]:
    pattern = re.compile(rf"\b{re.escape(call)}\(")
    return {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if pattern.search(path.read_text())}


def test_one_function_opens_sessions() -> None:
    assert files_calling("sessions.open") == {"edge/current_user.py"}


def test_the_pages_that_sign_somebody_in_are_these() -> None:
    assert files_calling("current_user.begin") == {
        "pages/login.py",  # password
        "pages/password_reset.py",  # a mailed link, in the browser that asked for it, with the new password
        "pages/welcome.py",  # one-time link: first password, or the demo's sign-in
        "dashboard/security.py",  # a new id for the session that changed its password
    }
