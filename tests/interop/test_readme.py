"""The README's own first app, run as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.served import ROOT, Served

pytestmark = [pytest.mark.served, pytest.mark.interop]
CALLBACK = "http://localhost:9000/callback"


def program() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    return str(code)


def test_the_first_app_of_the_readme_signs_in(served: Served, tmp_path: Path) -> None:
    scope = "openid email offline_access workflows:read"
    app = served.app("Readme app", "--scope", scope, redirect_uri=CALLBACK)
    script = tmp_path / "sign_in.py"
    script.write_text(program())
    variables = {
        **os.environ,
        "ISSUER": served.issuer,
        "CLIENT_ID": app.client_id,
        "CLIENT_SECRET": app.client_secret,
        "BROWSER": "true %s",  # opens nothing
    }
    running = subprocess.Popen([sys.executable, script], env=variables, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    url = running.stdout.readline().split()[1]
    browser = served.browser("alice@example.test")
    answer = browser.submit(browser.open(url).form("/oauth/authorize/consent"), action="allow")
    assert answer.location.startswith(CALLBACK)
    browser.open(answer.location)
    printed, _ = running.communicate(timeout=30)
    assert running.returncode == 0, printed
    assert "Signed in as alice@example.test" in printed
    assert "active: True" in printed


def test_the_readme_names_no_command_that_does_not_exist() -> None:
    text = "".join((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/operations.md"))
    verbs = set(re.findall(r"authserver (?:--demo )?([a-z]+)\b", text)) - {"try", "in", "on", "serves"}
    from authserver.cli import VERBS

    assert verbs <= set(VERBS), verbs - set(VERBS)
