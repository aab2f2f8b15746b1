"""Base64url: every byte string has one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import base64url


@given(st.binary())
def test_bytes_come_back_as_they_were(data: bytes) -> None:
    assert base64url.decode(base64url.encode(data)) == data


def test_the_alphabet_is_that_of_urls_and_there_is_no_padding() -> None:
    assert base64url.encode(b"\xfb\xff\xfe\xff") == b"-__-_w"


@pytest.mark.parametrize("text", [b"a", b"+w", b"/w", b"_w==", b"_w\n", b" _w", b"_x", b"\xff"])
def test_every_other_spelling_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="base64url"):
        base64url.decode(text)
