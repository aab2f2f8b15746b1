"""What shares a server is one worker's; anything else is handed out by file."""

from __future__ import annotations

import pytest

from tests.support import order


class Item:
    """A test, as far as its place matters."""

    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


@pytest.mark.parametrize("name", ["codes", "devices"])
def test_files_that_share_a_server_are_one_workers(name: str) -> None:
    assert order.scope(f"tests/races/test_{name}.py::test_x[postgresql]") == "tests/races/"


def test_the_screens_have_a_worker_and_the_other_tests_of_the_browser_have_one() -> None:
    screens = {order.scope(f"tests/browser/test_screens_{who}.py::test_x") for who in ("admin", "person", "public")}
    others = {order.scope(f"tests/browser/test_{name}.py::test_x") for name in ("playground", "usage")}
    assert (len(screens), len(others), screens & others) == (1, 1, set())


def test_any_other_file_is_handed_out_alone() -> None:
    assert order.scope("tests/oauth/test_claims.py::TestOne::test_x") == "tests/oauth/test_claims.py"


def test_what_takes_long_comes_first() -> None:
    long, short = "tests/served/test_serving.py::test_x", "tests/lib/test_jwt.py::test_x"
    items = [Item(short), Item(long)]
    order.sort(items)  # type: ignore[arg-type]
    assert [each.nodeid for each in items] == [long, short]
