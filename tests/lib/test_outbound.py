"""Where requests of ours may go: spellings, special ranges, an operator's exceptions (C23, security 7.5)."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import outbound
from tests.support.tables import rows


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://hooks.example.com", ("https", "hooks.example.com", 443, "/")),
        ("https://Hooks.Example.com/in?x=1", ("https", "hooks.example.com", 443, "/in?x=1")),
        ("http://localhost:9000/hook", ("http", "localhost", 9000, "/hook")),
        ("https://192.0.2.7:8443", ("https", "192.0.2.7", 8443, "/")),
        ("https://[2001:DB8:0:0::7]/", ("https", "2001:db8::7", 443, "/")),
        ("https://xn--bcher-kva.example/", ("https", "xn--bcher-kva.example", 443, "/")),
    ],
)
def test_a_url_has_one_reading(url: str, parts: tuple[str, str, int, str]) -> None:
    target = outbound.parse(url)
    assert (target.scheme, target.host, target.port, target.path) == parts


@rows(
    "url",
    [
        "",
        "hooks.example.com",
        "//hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "https://",
        "https:///path",
        "https://user@hooks.example.com/",
        "https://user:pass@hooks.example.com/",
        "https://hooks.example.com@10.0.0.8/",
        "https://@hooks.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com/#",
        "https://hooks.example.com\\@10.0.0.8/",
        "https://hooks.example.com /",
        " https://hooks.example.com/",
        "https://hooks.example.com/\r\nX-Evil: 1",
        "https://hooks.example.com/\x00",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:/",
        "https://hooks.example.com:70000/",
        "https://hooks.example.com:4x3/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.01/",
        "https://127.0.0.1./",
        "https://localhost./",
        "https://①②⑦.0.0.1/",
        "https://127。0。0。1/",
        "https://[::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[v1.x]/",
        "https://[127.0.0.1]/",
        "https://-hooks.example.com/",
        "https://hooks..example.com/",
        "https://bücher.example/",
        "https://hooks%2eexample.com/",
        "https://" + "a" * 64 + ".example/",
        "https://" + ".".join(["a" * 60] * 5) + "/",
        "https://hooks.example.com/" + "a" * 2000,
    ],
)
def test_an_odd_spelling_is_no_url(url: str) -> None:
    with pytest.raises(outbound.BadUrl) as refused:
        outbound.parse(url)
    assert "evil" not in str(refused.value).lower()


@rows(
    ("text", "word"),
    [
        ("127.0.0.1", "this machine's own address"),
        ("127.255.255.254", "this machine's own address"),
        ("0.0.0.0", "this machine's own address"),
        ("0.1.2.3", "this machine's own address"),
        ("::1", "this machine's own address"),
        ("::", "this machine's own address"),
        ("10.0.0.8", "a private address"),
        ("172.16.0.1", "a private address"),
        ("172.31.255.255", "a private address"),
        ("192.168.1.1", "a private address"),
        ("100.64.0.1", "a private address"),
        ("100.127.255.255", "a private address"),
        ("198.18.0.1", "a private address"),
        ("fd12:3456::1", "a private address"),
        ("fec0::1", "a private address"),
        ("64:ff9b:1::8.8.8.8", "a private address"),
        ("169.254.0.1", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("fe80::1%eth0", "a link-local address"),
        ("169.254.169.254", "a metadata address"),
        ("169.254.170.2", "a metadata address"),
        ("100.100.100.200", "a metadata address"),
        ("168.63.129.16", "a metadata address"),
        ("192.0.0.192", "a metadata address"),
        ("fd00:ec2::254", "a metadata address"),
        ("fd20:ce::254", "a metadata address"),
        ("192.0.2.1", "an address for documentation"),
        ("2001:db8::1", "an address for documentation"),
        ("224.0.0.1", "a multicast address"),
        ("239.255.255.255", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("255.255.255.255", "a reserved address"),
        ("240.0.0.1", "a reserved address"),
        ("192.88.99.1", "a reserved address"),
        ("2001::1", "a reserved address"),
        ("100::1", "a reserved address"),
        ("4000::1", "a reserved address"),
        ("::ffff:127.0.0.1", "this machine's own address"),
        ("::ffff:10.0.0.8", "a private address"),
        ("::ffff:169.254.169.254", "a metadata address"),
        ("::ffff:8.8.8.8", "an IPv4 address in disguise"),
        ("::127.0.0.1", "this machine's own address"),
        ("::ffff:0:10.0.0.8", "a private address"),
        ("64:ff9b::10.0.0.8", "a private address"),
        ("64:ff9b::a9fe:a9fe", "a metadata address"),
        ("64:ff9b::8.8.8.8", "an IPv4 address in disguise"),
        ("2002:a00:8::1", "a private address"),
        ("2002:7f00:1::", "this machine's own address"),
        ("2002:808:808::1", "an IPv4 address in disguise"),
    ],
)
def test_what_not_all_the_world_can_reach_is_refused_by_name(text: str, word: str) -> None:
    assert outbound.objection(ipaddress.ip_address(text)) == word


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1"])
def test_public_addresses_are_fine(text: str) -> None:
    assert outbound.objection(ipaddress.ip_address(text)) == ""


@given(st.ip_addresses())
def test_nothing_is_public_that_python_calls_private(address: outbound.Address) -> None:
    if not address.is_global or address.is_multicast:
        assert outbound.objection(address)


def test_an_operator_opens_networks_hosts_and_ports() -> None:
    allowed = outbound.parse_allowed(
        ["10.0.0.0/8", "192.168.1.5", "::1", "Hooks.Internal", "localhost:9000", "[fd00::7]:8080"]
    )
    assert allowed.holds(ipaddress.ip_address("10.9.8.7"))
    assert allowed.holds(ipaddress.ip_address("192.168.1.5"))
    assert allowed.holds(ipaddress.ip_address("::1"))
    assert allowed.holds(ipaddress.ip_address("::ffff:10.9.8.7"))
    assert not allowed.holds(ipaddress.ip_address("192.168.1.6"))
    assert allowed.named("hooks.internal", 1234)
    assert allowed.named("localhost", 9000)
    assert allowed.named("fd00::7", 8080)
    assert not allowed.named("localhost", 9001)
    assert not allowed.named("sub.hooks.internal", 443)


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "*", "*.internal", "http://x", "host:0", "host:99999", "a b", "127.1"])
def test_an_entry_that_opens_nothing_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="'") as refused:
        outbound.parse_allowed([entry])
    assert entry in str(refused.value)
