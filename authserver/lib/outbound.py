"""Where requests of ours may go: one spelling of a URL, public addresses, an operator's exceptions (security 7.5)."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL = 2000
_PORTS = {"https": 443, "http": 80}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_VISIBLE = re.compile(r"[!-~]+")

# What is_global does not say, or says otherwise, and the word for what it does; the first that fits is told.
_SPECIAL: tuple[tuple[str, str], ...] = (
    ("169.254.169.254/32", "a metadata address"),
    ("169.254.170.2/32", "a metadata address"),
    ("100.100.100.200/32", "a metadata address"),
    ("168.63.129.16/32", "a metadata address"),
    ("192.0.0.192/32", "a metadata address"),
    ("fd00:ec2::/32", "a metadata address"),
    ("fd20:ce::254/128", "a metadata address"),
    ("0.0.0.0/8", "this machine's own address"),
    ("127.0.0.0/8", "this machine's own address"),
    ("::/127", "this machine's own address"),
    ("10.0.0.0/8", "a private address"),
    ("172.16.0.0/12", "a private address"),
    ("192.168.0.0/16", "a private address"),
    ("100.64.0.0/10", "a private address"),
    ("fc00::/7", "a private address"),
    ("fec0::/10", "a private address"),
    ("169.254.0.0/16", "a link-local address"),
    ("fe80::/10", "a link-local address"),
    ("192.0.0.0/24", "a reserved address"),
    ("192.0.2.0/24", "an address for documentation"),
    ("198.51.100.0/24", "an address for documentation"),
    ("203.0.113.0/24", "an address for documentation"),
    ("2001:db8::/32", "an address for documentation"),
    ("3fff::/20", "an address for documentation"),
    ("192.88.99.0/24", "a reserved address"),
    ("198.18.0.0/15", "a private address"),
    ("224.0.0.0/4", "a multicast address"),
    ("ff00::/8", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
    ("100::/64", "a reserved address"),
    ("2001::/23", "a reserved address"),  # Teredo and other protocols' own
    ("5f00::/16", "a reserved address"),
)
SPECIAL: tuple[tuple[Network, str], ...] = tuple((ipaddress.ip_network(text), word) for text, word in _SPECIAL)
# Networks of IPv6 that carry an IPv4 address, and by how many bits it stands from the right.
_CARRIERS: tuple[tuple[ipaddress.IPv6Network, int], ...] = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (ipaddress.IPv6Network("::/96"), 0),  # compatible, obsolete
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),  # translated (RFC 2765)
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4
)
_INNER = (".localhost", ".local", ".internal", ".home.arpa")  # RFC 6761, RFC 6762, ICANN 2024, RFC 8375
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")


class BadUrl(ValueError):
    """A URL that no request of ours goes to; the text says why, without repeating it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `host` is a lower-case name or an address in its one spelling, `path` has the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def address(self) -> Address | None:
        """The host, if it is an address."""
        return _address(self.host)

    @property
    def host_header(self) -> str:
        """The host as a Host header gives it, with the port unless the scheme implies it."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an operator opened although it is private: networks, and hosts with or without a port."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[tuple[str, int | None]] = frozenset()

    def named(self, host: str, port: int) -> bool:
        """Whether this host was opened by name, for every port or for this one."""
        return (host, None) in self.hosts or (host, port) in self.hosts

    def holds(self, address: Address) -> bool:
        """Whether the address, or the IPv4 address it carries, lies in an opened network."""
        return any(each in network for each in (address, *_carried(address)) for network in self.networks)


def parse(url: str) -> Target:
    """Take a URL apart. Raises BadUrl for anything that two readers could understand in two ways."""
    if len(url) > MAX_URL:
        raise BadUrl(f"A URL may have {MAX_URL:,} characters.")
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise BadUrl("A URL has no spaces, backslashes or letters beyond ASCII.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadUrl("This is not a URL.") from None
    if parts.scheme not in _PORTS:
        raise BadUrl("A URL starts with https://.")
    if "@" in parts.netloc:
        raise BadUrl("A URL holds no user name and no password.")
    if "#" in url:
        raise BadUrl("A URL that is called has no #fragment.")
    if port == 0 or parts.netloc.endswith(":"):
        raise BadUrl("A port is a number from 1 to 65535.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, _host(host, "[" in parts.netloc), port or _PORTS[parts.scheme], path)


def parse_allowed(entries: Iterable[str]) -> Allowed:
    """Networks, hosts and `host:port`s. Raises ValueError naming the entry that is none of them."""
    networks: list[Network] = []
    hosts: set[tuple[str, int | None]] = set()
    for entry in entries:
        try:
            networks.append(ipaddress.ip_network(entry))
        except ValueError:
            hosts.add(_host_and_port(entry))
    return Allowed(tuple(networks), frozenset(hosts))


def objection(address: Address) -> str:
    """Why nothing may be sent there: `a private address`; empty for an address that all the world can reach."""
    for network, word in SPECIAL:
        if address in network:
            return word
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "a link-local address"
        if address in _LOCAL_NAT64:
            return "a private address"
        for inner in _carried(address):
            return objection(inner) or "an IPv4 address in disguise"
        if address not in _GLOBAL_UNICAST:
            return "a reserved address"
    return "" if address.is_global else "a reserved address"


def is_inner_name(host: str) -> bool:
    """Whether a name is one of a private network by its form alone: `keys`, `x.localhost`, `x.local`, `x.internal`."""
    return "." not in host or host.endswith(_INNER)


def _host(host: str, bracketed: bool) -> str:
    if bracketed:
        return _ipv6(host)
    address = _address(host)
    if address is not None and address.version == 4:
        return host
    labels = host.split(".")
    if labels[-1].isdigit() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        # 127.1, 2130706433 and 0x7f.1 are addresses to some and names to others.
        raise BadUrl("An address is written as four numbers, such as 192.0.2.7.")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadUrl("The host is not a name such as hooks.example.com.")
    return host


def _ipv6(host: str) -> str:
    address = _address(host)
    if not isinstance(address, ipaddress.IPv6Address) or address.scope_id is not None:
        raise BadUrl("The host is not an address such as [2001:db8::7].")
    return str(address)


def _host_and_port(entry: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))(?::(?P<port>[0-9]{1,5}))?", entry.lower())
    try:
        if match is None:
            raise BadUrl
        host = _host(match["v6"] or match["name"], match["v6"] is not None)
    except BadUrl:
        raise ValueError(f"{entry[:60]!r} is not a network, a host or a host:port") from None
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= 65_535:
        raise ValueError(f"{entry[:60]!r} has no port from 1 to 65535")
    return host, port


def _carried(address: Address) -> tuple[ipaddress.IPv4Address, ...]:
    if isinstance(address, ipaddress.IPv6Address):
        for network, shift in _CARRIERS:
            if address in network:
                return (ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF),)
    return ()


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
