"""A device of somebody else's software, and its person at a browser elsewhere who types its code."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.interop.house import House
from tests.interop.visitor import Visitor

CODE = re.compile(r"\b[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}\b")
SECONDS = 90


def allowed(house: House, command: Sequence[str], folder: Path) -> str:
    """What a program says, once its person has allowed it by the code that it shows."""
    with subprocess.Popen(
        list(command), cwd=folder, env=house.environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while not (found := CODE.search(said)):
                line = process.stdout.readline()
                assert line, said
                said += line
            allow(house.visitor(), found[0])
            rest, _ = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0, said + rest
    return said + rest


def allow(visitor: Visitor, code: str) -> None:
    """Type the code at our page, compare it, and allow."""
    asked = visitor.press(visitor.open(f"{visitor.issuer}/device"), "/device", user_code=code)
    assert code in asked.text, visitor.way
    done = visitor.submit(asked, asked.form("/device"), action="allow")
    assert "/device" not in [form.path for form in done.forms], done.text[:3000]
