"""docs/security/credentials.md is what its script makes of the table and the code of now."""

from __future__ import annotations

import subprocess
import sys

from tests.docs import pages


def made_by_the_script(what: str) -> str:
    """What an expression of docs/security/generate.py gives, in a process of its own."""
    command = [sys.executable, "-c", f"import sys, generate; sys.stdout.write(generate.{what})"]
    return subprocess.run(command, cwd=pages.FOLDER, capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_committed_page_is_the_one_that_is_made() -> None:
    assert pages.read("credentials.md") == made_by_the_script("page()"), "run docs/security/generate.py"
