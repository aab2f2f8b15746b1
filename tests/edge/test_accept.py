"""RFC 9110 section 12.5.1: who asks for another form gets it, and nobody else."""

from __future__ import annotations

import time

import pytest

from authserver.edge import accept

JWT, JSON = "application/token-introspection+jwt", "application/json"


@pytest.mark.parametrize(
    "header",
    [
        JWT,
        JWT.upper(),
        f" \t{JWT} ",
        f"{JWT};q=1",
        f"{JWT};q=1.000",
        f"{JWT} ; Q=0.001",
        f"{JWT}, {JSON}",
        f"{JSON}, {JWT}",
        f"{JWT}, */*",
        f"{JWT};q=0.8, {JSON};q=0.5",
        f"{JWT};q=0.2, {JSON};q=0.1, */*",
        f"{JWT};q=0.5, text/html, application/*;q=0.5",
        f"{JWT};charset=utf-8",
        f'text/plain;x="a, b", {JWT}',
        f",,{JWT},,",
        f"{JSON};q=2, {JWT};q=0.1",
        f"{JWT};q=0, {JWT}",
    ],
)
def test_who_names_the_type_and_likes_it_no_less_gets_it(header: str) -> None:
    assert accept.asks_for(JWT, header, instead_of=JSON)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "*/*",
        "application/*",
        JSON,
        "application/jwt",
        "text/html",
        f"{JWT};q=0",
        f"{JWT};q=0.000",
        f"{JWT};q=0.4, {JSON}",
        f"{JWT};q=0.4, {JSON};q=0.5",
        f"{JWT};q=0.4, application/*;q=0.5",
        f"{JWT};q=0.4, */*;q=0.5",
        f"{JWT};q=1.1",
        f"{JWT};q=-1",
        f"{JWT};q=",
        f"{JWT};q",
        f"{JWT};q=nan",
        f"{JWT};q=1e0",
        f"{JWT};q=0,5",
        f"{JWT};q=0.0001",
        f"{JWT};q=\u0661",
        f"{JWT};q=1;q=0",
        f"{JWT}x",
        f"x{JWT}",
        f"{JWT} {JSON}",
        f"{JWT}\x00",
        f'text/plain;x="{JSON}, {JWT}"',
        f'text/plain;x="\\", {JWT}"',
        f'text/plain;x="{JWT}, {JWT}',
        f'{JWT}, text/plain;x="',
        f"{JWT}, {'a/b, ' * 300}",
    ],
)
def test_whoever_does_not_gets_what_everybody_gets(header: str) -> None:
    assert not accept.asks_for(JWT, header, instead_of=JSON)


@pytest.mark.parametrize("piece", ['"', '"\\', ";q=", ",", ";", " ", "a/b,", '""', '\\"'])
def test_a_header_of_any_length_is_read_in_no_time(piece: str) -> None:
    header = f"{JWT}," + piece * (60_000 // len(piece))
    started = time.perf_counter()
    accept.asks_for(JWT, header, instead_of=JSON)
    assert time.perf_counter() - started < 0.05
