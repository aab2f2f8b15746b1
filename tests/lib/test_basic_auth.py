"""Authorization: Basic, read strictly (trap T6, line O6)."""

import base64
import contextlib
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import basic_auth
from tests.support.tables import rows


def header(raw: bytes) -> str:
    return "Basic " + base64.b64encode(raw).decode()


@pytest.mark.parametrize("other", ["", "Bearer x", "Basically x", "DPoP abc", "basi", "\ud800", "bearer basic x"])
def test_another_scheme_is_none_of_its_business(other: str) -> None:
    assert basic_auth.parse(other) is None


@given(*[st.text(min_size=1, max_size=50).filter(lambda t: t.isprintable())] * 2)
def test_form_encoded_parts_come_back_as_they_were(client_id: str, secret: str) -> None:
    raw = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
    assert basic_auth.parse(header(raw)) == (client_id, secret)


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        (b"id:secret", ("id", "secret")),
        (b"id:", ("id", "")),
        (b"id:a:b", ("id", "a:b")),
        (b"id%3Ax:a+b%2B%25", ("id:x", "a b+%")),
        ("id:é".encode(), ("id", "é")),
    ],
)
def test_plus_is_a_space_and_the_first_colon_divides(raw: bytes, parts: tuple[str, str]) -> None:
    assert basic_auth.parse(header(raw)) == parts
    assert basic_auth.parse(header(raw).replace("Basic ", "BASIC   ")) == parts


@rows(
    "text",
    [
        "Basic",
        "Basic ",
        "basic  ",
        "Basic !!!!",
        "Basic YTpi extra",
        "Basic YT pi",
        "Basic YTpi\n",
        "Basic YTp",
        "Basic Y!T!p!i",
        "Basic YTpi====",
        "Basic é",
        "Basic \ud800",
        "Basic YTpi\0",
        "Basic " + "A" * 9000,
        header(b"no colon"),
        header(b"\xff:x"),
        header(b"a:%FF"),
        header(b"a:%zz"),
        header(b"a:%4"),
        header(b"a%00:b"),
        header(b"a:b\0"),
        header(b"a\n:b"),
        header(b"a:%0d%0a"),
        header(b"a:\x7f"),
        header(b""),
    ],
)
def test_a_malformed_header_is_refused_and_never_guessed_at(text: str) -> None:
    with pytest.raises(basic_auth.Malformed):
        basic_auth.parse(text)


@given(st.text(alphabet=st.characters(codec=None)))
def test_no_text_raises_anything_else(text: str) -> None:
    with contextlib.suppress(basic_auth.Malformed):
        basic_auth.parse("Basic " + text)


@given(st.binary())
def test_no_decoded_bytes_raise_anything_else(raw: bytes) -> None:
    with contextlib.suppress(basic_auth.Malformed):
        basic_auth.parse(header(raw))
