"""One host, however it is spelled."""

import pytest

from authserver.lib import hosts


@pytest.mark.parametrize(
    ("text", "scheme", "same"),
    [
        ("auth.example.com", "https", "auth.example.com"),
        ("AUTH.Example.com", "https", "auth.example.com"),
        ("auth.example.com.", "https", "auth.example.com"),
        ("auth.example.com:443", "https", "auth.example.com"),
        ("auth.example.com.:443", "https", "auth.example.com"),
        ("auth.example.com:", "https", "auth.example.com"),
        ("auth.example.com:80", "http", "auth.example.com"),
        ("auth.example.com:80", "https", "auth.example.com:80"),
        ("auth.example.com:8443", "https", "auth.example.com:8443"),
        ("[::1]", "http", "[::1]"),
        ("[::1]:80", "http", "[::1]"),
        ("[::1]:8000", "http", "[::1]:8000"),
        ("", "https", ""),
        ("a.example:443, b.example", "https", "a.example:443, b.example"),
    ],
)
def test_spellings_of_a_host(text: str, scheme: str, same: str) -> None:
    assert hosts.canonical(text, scheme) == same
