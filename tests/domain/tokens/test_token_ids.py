"""What an access token was made from, as its `jti` says it."""

from __future__ import annotations

from flask import Flask

from authserver.domain.clients import endings
from authserver.domain.tokens import inspection, token_ids
from authserver.lib import clock
from tests.support import protocol


def test_it_leads_to_a_grant_or_to_the_count_of_endings() -> None:
    assert token_ids.grant_id(token_ids.of_grant("gr_x")) == "gr_x"
    assert [token_ids.epoch(token_ids.of_client(n)) for n in (0, 1, 12)] == [0, 1, 12]
    assert token_ids.grant_id(token_ids.of_client(3)) == ""


def test_ending_all_tokens_of_an_app_ends_those_of_a_node_whose_clock_is_ahead(app: Flask) -> None:
    """And not those that it makes afterwards, on a node whose clock is right."""
    job = protocol.register()
    before = protocol.client_credentials(job).json["access_token"]
    endings.revoke_tokens(None, job.id)
    protocol.change(job, tokens_not_before=clock.now() - 1000)  # as little as the two clocks say
    assert inspection.inspect(before) is None
    assert inspection.inspect(protocol.client_credentials(job).json["access_token"]) is not None
