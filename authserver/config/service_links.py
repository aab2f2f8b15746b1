"""Variables that Kubernetes sets in every pod for a Service whose name begins with `authserver`.

They are told apart by their shape: `AUTHSERVER_PORT=tcp://10.0.0.1:8000` is one, `AUTHSERVER_PORT=8000` is a setting.
"""

from __future__ import annotations

import ipaddress
import re

_ADDRESS = re.compile(r"(tcp|udp|sctp)://(\[[0-9a-fA-F:.]+\]|[0-9.]+):\d{1,5}")
_PREFIX = r"AUTHSERVER_(?:[A-Z0-9]+_)*?"
_SHAPES = (
    (re.compile(_PREFIX + r"SERVICE_HOST"), lambda text: _is_address(text)),
    (re.compile(_PREFIX + r"SERVICE_PORT(_[A-Z0-9_]+)?"), lambda text: text.isdigit()),
    (re.compile(_PREFIX + r"PORT(_\d+_(TCP|UDP|SCTP))?"), lambda text: bool(_ADDRESS.fullmatch(text))),
    (re.compile(_PREFIX + r"PORT_\d+_(TCP|UDP|SCTP)_PROTO"), lambda text: text in {"tcp", "udp", "sctp"}),
    (re.compile(_PREFIX + r"PORT_\d+_(TCP|UDP|SCTP)_PORT"), lambda text: text.isdigit()),
    (re.compile(_PREFIX + r"PORT_\d+_(TCP|UDP|SCTP)_ADDR"), lambda text: _is_address(text)),
)


def is_one(name: str, text: str) -> bool:
    """Whether this variable has both the name and the value of one that Kubernetes sets."""
    return any(shape.fullmatch(name) and fits(text) for shape, fits in _SHAPES)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
