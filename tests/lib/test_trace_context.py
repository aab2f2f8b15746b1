"""Whose trace a request belongs to (W3C Trace Context, section 3.2)."""

from __future__ import annotations

import pytest

from authserver.lib import trace_context
from authserver.lib.trace_context import Caller

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_the_caller_of_a_request_is_named_with_whether_its_trace_is_kept() -> None:
    assert trace_context.read(f"00-{TRACE}-{SPAN}-01") == Caller(TRACE, SPAN, sampled=True)
    assert trace_context.read(f"00-{TRACE}-{SPAN}-00") == Caller(TRACE, SPAN, sampled=False)


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert trace_context.read(f"cc-{TRACE}-{SPAN}-09-what-the-future-holds") == Caller(TRACE, SPAN, sampled=True)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_a_header_that_is_malformed_names_nobody(header: str) -> None:
    assert trace_context.read(header) is None
