"""One address has so many unfinished requests in a worker, and no more (AUTHSERVER_CONNECTIONS_PER_ADDRESS)."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from authserver import config
from authserver.edge import exchange, headers
from authserver.edge.front import Front
from authserver.edge.shares import Shares, whose
from tests.edge.test_front import Protocol, echo, scope


def test_one_more_than_the_share_is_refused_and_others_are_not() -> None:
    shares = Shares(2)
    assert [shares.take("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert shares.take("192.0.2.2")


def test_an_answered_request_gives_its_place_back() -> None:
    shares = Shares(1)
    for _ in range(5):
        assert shares.take("192.0.2.1")
        shares.give_back("192.0.2.1")
    assert not shares._unfinished


def test_a_trusted_proxy_has_no_share_and_zero_is_no_limit() -> None:
    behind, none = Shares(1, trusted=("10.0.0.0/8",)), Shares(0)
    assert all(behind.take("10.1.2.3") for _ in range(50))
    assert [behind.take("192.0.2.1") for _ in range(2)] == [True, False]
    assert all(none.take("192.0.2.1") for _ in range(50))


def test_who_has_a_network_of_ipv6_has_one_share() -> None:
    shares = Shares(2, trusted=("2001:db8::1/128",))
    assert [shares.take(f"2001:db8::{n}") for n in ("a", "b", "c")] == [True, True, False]
    assert shares.take("2001:db8::1") and shares.take("2001:db8:0:1::a")
    shares.give_back("2001:db8::1")
    assert not shares.take("2001:db8::d"), "a trusted proxy of that network has no share to give back"
    shares.give_back("2001:db8::b")
    assert shares.take("2001:db8::d")


@pytest.mark.usefixtures("installed")
def test_who_sends_no_body_holds_up_to_the_share_and_the_next_hears_why() -> None:
    silent = [Protocol(None) for _ in range(3)]

    async def go() -> None:
        server: Any = Front(echo, threads=1, body_seconds=0.05, shares=Shares(2))
        asked = scope(("content-length", "5"), method="POST")
        await asyncio.gather(*(server.__rsgi__(asked, each) for each in silent))

    asyncio.run(go())
    assert sorted(each.status for each in silent) == [408, 408, 429]
    refused = next(each for each in silent if each.status == 429)
    assert ("Retry-After", "1") in refused.headers
    assert b"unanswered" in refused.body
    assert set(headers.ALWAYS) <= set(refused.headers)


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.9", "198.51.100.7", "198.51.100.7"),
        ("2001:db8::1", None, "2001:db8::/64"),
        ("", None, ""),
    ],
)
@pytest.mark.usefixtures("installed")
def test_a_share_of_a_room_is_the_clients_behind_a_trusted_proxy_alone(
    peer: str, forwarded: str | None, counted: str
) -> None:
    environ = {"REQUEST_METHOD": "GET", "REMOTE_ADDR": peer}
    environ |= {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    with config.using(dataclasses.replace(config.current(), trusted_proxies=("10.0.0.0/8",))):
        assert whose(exchange.read(environ)) == counted
