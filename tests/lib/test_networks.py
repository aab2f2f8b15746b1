"""CIDR lists and the client's address behind proxies (4.1.3, C24)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import networks

TRUSTED = networks.parse("10.0.0.0/8, fd00::/8")


def test_commas_and_spaces_separate_networks_and_addresses() -> None:
    assert [str(n) for n in networks.parse("10.0.0.0/8,192.0.2.1  ::1")] == ["10.0.0.0/8", "192.0.2.1/32", "::1/128"]
    assert networks.parse("") == []


@pytest.mark.parametrize(
    "text", ["10.0.0.1/8", "10.0.0.0/33", "example.com", "1.2.3", "::1/129", "*", "10.0.0.0/8;::1"]
)
def test_a_bad_entry_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a network"):
        networks.parse(text)


@pytest.mark.parametrize(
    ("ip", "inside"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("fd00::1", True),
        ("11.0.0.1", False),
        ("", False),
        ("010.1.2.3", False),
        ("10.1.2.3\n", False),
        ("localhost", False),
        ("\ud800", False),
    ],
)
def test_membership_of_an_address(ip: str, inside: bool) -> None:
    assert networks.contains(TRUSTED, ip) is inside


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),  # an untrusted peer says nothing
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"),  # what the client wrote itself
        ("10.0.0.1", "1.1.1.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.7, garbage, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("fd00::1", "[2001:db8::7]:443", "2001:db8::7"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("", "198.51.100.7", ""),
    ],
)
def test_the_rightmost_untrusted_hop_is_the_client(peer: str, header: str | None, client: str) -> None:
    assert networks.client_ip(peer, header, TRUSTED) == client


def test_nothing_is_trusted_by_default() -> None:
    assert networks.client_ip("10.0.0.1", "198.51.100.7", []) == "10.0.0.1"


@given(st.text(max_size=60), st.text(max_size=200))
def test_no_header_makes_it_raise_and_an_untrusted_peer_stays(peer: str, header: str) -> None:
    networks.client_ip(peer, header, TRUSTED)
    assert networks.client_ip("203.0.113.9", header, TRUSTED) == "203.0.113.9"
