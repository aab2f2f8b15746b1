"""Who is asking is known within a request, and nowhere else."""

from __future__ import annotations

from authserver.observability import context
from authserver.observability.context import Context


def test_within_a_request_it_is_the_requests() -> None:
    asked = Context(request_id="req_test")
    with context.using(asked):
        context.current().actor = "key:ak_1"
    assert asked.actor == "key:ak_1"


def test_outside_of_a_request_nothing_is_left_for_the_next_one() -> None:
    context.current().actor = "key:ak_1"
    context.current().log["key_id"] = "ak_1"
    assert context.current() == Context()
