"""What runs once in the core has the same reason on both databases; the rest is not left to `make more`."""

from __future__ import annotations

import re

from tests.architecture import sources
from tests.support import long_sets

DOMAIN = "authserver/domain/"


def mirrored(module: str) -> str:
    """The file that tests this module, as far as there is one: the wings of the tests are those of the domain."""
    wing, _, name = module.removeprefix(DOMAIN).rpartition("/")
    return f"tests/domain/{wing}/test_{name}" if wing else f"tests/domain/test_{name}"


def test_what_asks_which_database_it_is_runs_on_both() -> None:
    own = re.compile(r"dialect|database\.insert|HotStatement")
    asking = [name for name in sources.modules() if name.startswith(DOMAIN) and own.search(sources.read(name))]
    assert len(asking) > 12
    assert [name for name in asking if mirrored(name).startswith(long_sets.DOORS + long_sets.SAME_SQL)] == []
