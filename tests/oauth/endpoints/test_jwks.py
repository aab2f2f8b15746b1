"""GET /.well-known/jwks.json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from authserver.domain.signing import keys as signing_keys
from tests.support.protocol import Reply, send

PATH = "/.well-known/jwks.json"


def get(**headers: str) -> Reply:
    return send(PATH, headers=headers, method="GET")


def test_every_key_is_public_and_says_what_it_is_for() -> None:
    keys = get().json["keys"]
    assert sorted(key["alg"] for key in keys) == ["ES256", "RS256"]
    for key in keys:
        assert key["use"] == "sig"
        assert key["kid"]
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys()


def test_readers_may_keep_it_for_five_minutes() -> None:
    reply = get()
    assert reply.header("cache-control") == "public, max-age=300"
    assert reply.header("content-type") == "application/jwk-set+json"


def test_a_reader_that_has_it_gets_304() -> None:
    etag = get().header("etag") or ""
    for sent in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        reply = get(**{"if-none-match": sent})
        assert (reply.status, reply.body, reply.header("etag")) == (304, b"", etag)
    assert get(**{"if-none-match": '"other"'}).status == 200


def test_a_new_key_changes_the_tag() -> None:
    before = get()
    signing_keys.rotate(["ES256"])
    after = get(**{"if-none-match": before.header("etag") or ""})
    assert after.status == 200
    assert len(after.json["keys"]) == len(before.json["keys"]) + 1


def test_pages_everywhere_may_read_it() -> None:
    assert get(origin="https://anywhere.example").header("access-control-allow-origin") == "*"


def test_it_costs_no_statement(statements: Callable[[], Any]) -> None:
    get()
    with statements() as sent:
        assert get().status == 200
    assert sent == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_is_only_read(method: str) -> None:
    assert send(PATH, method=method).status == 405
