"""Hosts, addresses and ids on a page: no line of them ends at a hyphen, which would be read as ours."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, pass_environment

_HOST = re.compile(r"(?:https?://)?[^/\s]+")  # as long as it fits into one line it stands in one
_PART = re.compile(r"[^./:?&=,@\s]+[./:?&=,@]*|[./:?&=,@\s]+")


@pass_environment
def marked(environment: Environment, text: object) -> str:
    """The text for a page, each part with a hyphen kept in one line where it fits (`.part` of the style sheet).

    Copied or read aloud it is what it was: nothing is put between its letters.
    """
    said = str(text)
    if "-" not in said:
        return said
    macros: Any = environment.get_template("macros/unbroken.html").module
    made: str = macros.marked(parts(said), whole=_HOST.fullmatch(said) is not None)
    return made


def parts(text: str) -> list[str]:
    """Where a line may end: behind a dot, a slash and what else holds parts together."""
    return _PART.findall(text)
