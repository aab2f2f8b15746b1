"""`examples/device_cli.py`, a program with nothing but `requests`: its person allows it in a browser elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.browsing import Browser
from tests.support.served import ROOT, Served

pytestmark = pytest.mark.served
EMAIL = "alice@example.test"
SECONDS = 60


@pytest.fixture
def program(served: Served) -> Iterator[subprocess.Popen[str]]:
    """The program, started as its first lines say."""
    made = served.cli("client", "create", "--name", "My tool", "--public", "--scope", "openid email",
                      "--grant", "device_code", "--grant", "refresh_token")  # fmt: skip
    running = subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / "device_cli.py")],
        env={**os.environ, "ISSUER": served.issuer, "CLIENT_ID": made["client_id"]},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    yield running
    if running.poll() is None:
        running.kill()
    running.communicate(timeout=SECONDS)


def told(program: subprocess.Popen[str]) -> tuple[str, str]:
    """The code and the link that it prints for its person."""
    assert program.stdout is not None
    first, link = program.stdout.readline(), program.stdout.readline().strip()
    found = re.search(r"enter (\S+), or open$", first.strip())
    assert found, first
    return found[1], link


def rest(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    said, _ = program.communicate(timeout=SECONDS)
    return said


def press(browser: Browser, page: str, action: str) -> None:
    browser.submit(browser.open(page).form("/device"), action=action)


def test_a_person_types_the_code_and_the_program_knows_them(served: Served, program: subprocess.Popen[str]) -> None:
    code, _link = told(program)
    browser = served.browser(EMAIL)
    page = browser.submit(browser.open("/device").form("/device"), user_code=code.lower().replace("-", " "))
    assert "My tool" in page.text and "Python" in page.text
    browser.submit(page.form("/device"), action="allow")
    assert rest(program) == f"Signed in as {EMAIL}.\n" and program.returncode == 0


def test_by_the_link_they_compare_and_press(served: Served, program: subprocess.Popen[str]) -> None:
    code, link = told(program)
    browser = served.browser(EMAIL)
    page = browser.open(link.removeprefix(served.issuer))
    assert code in page.text
    browser.submit(page.form("/device"), action="allow")
    assert rest(program) == f"Signed in as {EMAIL}.\n"


def test_a_program_that_is_not_allowed_says_so(served: Served, program: subprocess.Popen[str]) -> None:
    _code, link = told(program)
    press(served.browser(EMAIL), link.removeprefix(served.issuer), "deny")
    assert "did not allow this" in rest(program) and program.returncode == 1
