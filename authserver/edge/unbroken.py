"""Hosts, addresses and ids on a page: no line of them ends at a hyphen, which would be read as ours."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_PART = re.compile(r"[^./:?&=,@\s]+[./:?&=,@]*|[./:?&=,@\s]+")


def marked(text: object) -> Markup:
    """The text for a page, each part with a hyphen kept in one line where it fits (`.part` of the style sheet).

    Copied or read aloud it is what it was: nothing is put between its letters.
    """
    return Markup("").join(
        Markup('<span class="part">{}</span>').format(part) if "-" in part else escape(part)
        for part in _PART.findall(str(text))
    )
