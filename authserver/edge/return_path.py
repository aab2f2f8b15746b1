"""Return links (`next`): our own relative paths and nothing else."""

from __future__ import annotations

import re

from flask import request

# One slash, then no second one and no backslash: browsers read both as another host. No controls, no spaces.
_OWN = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}")


def safe(text: str, default: str = "/") -> str:
    """The path, if it is one of ours; else the default."""
    return text if _OWN.fullmatch(text) else default


def address(text: str) -> str:
    """Where a redirect to this path leads: below the issuer's path, if it has one."""
    return request.script_root + safe(text)


def own(address: str) -> str:
    """The path of one of our addresses, without the issuer's, as return links have it."""
    return address.removeprefix(request.script_root) if request.script_root else address
