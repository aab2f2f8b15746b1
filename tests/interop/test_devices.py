"""docs/connect/devices.md: its commands and its program, as the page has them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from authserver import connect_pages
from tests.support.served import Served

pytestmark = [pytest.mark.served, pytest.mark.interop]
EMAIL = "alice@example.test"


def test_the_program_of_the_page_signs_a_person_in(served: Served, tmp_path: Path) -> None:
    page = connect_pages.pages()["devices"]
    (command,) = page.filled({"issuer": served.issuer}).commands()
    made = served.cli(*shlex.split(command)[1:])
    values = {"issuer": served.issuer, "client_id": made["client_id"]}
    program = tmp_path / "tool.py"
    program.write_text(page.filled(values).files()[program.name])
    running = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        found = re.search(r"Open (\S+) and compare (\S+)", running.stdout.readline())
        assert found
        browser = served.browser(EMAIL)
        asked = browser.open(found[1].removeprefix(served.issuer))
        assert found[2] in asked.text
        browser.submit(asked.form("/device"), action="allow")
        said, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    assert said.strip() == EMAIL
