"""CIDR lists, and who the client is behind trusted proxies (security.md, lines 4.1.3 and C24)."""

import ipaddress
import re
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAX_HOPS = 32
_WITH_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.]+))(?::[0-9]{1,5})?")


def parse(text: str) -> list[Network]:
    """The networks of a list separated by commas or white space; a bare address is a network of one.

    Raises ValueError, naming the entry, for anything else, also for host bits outside the mask.
    """
    return [_network(entry) for entry in text.replace(",", " ").split()]


def contains(networks: Sequence[Network], ip: str) -> bool:
    """Whether the address lies in one of the networks. What is no address lies nowhere."""
    address = _address(ip)
    return address is not None and any(address in network for network in networks)


def inside(network: Network, outer: Sequence[Network]) -> bool:
    """Whether one of the outer networks holds the whole of this one."""
    return any(network.version == each.version and network.subnet_of(each) for each in outer)  # type: ignore[arg-type]  # versions are equal


def strict_address(text: str) -> str:
    """An address that a program sent, in its usual form. Raises ValueError for anything else, ports and zones too."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise ValueError("an address with a zone means something on one machine alone")
    return str(_address(text))


def client_ip(peer: str, x_forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """The rightmost address that no trusted proxy vouches for.

    The header is believed only from a trusted peer, and each hop only as far as the hop that wrote it
    is trusted too. An unreadable hop ends the walk at the last address known.
    """
    address = _address(peer)
    if address is None:
        return peer
    known = address
    for hop in reversed((x_forwarded_for or "").rsplit(",", _MAX_HOPS)):
        if not any(known in network for network in trusted):
            break
        address = _hop(hop)
        if address is None:
            break
        known = address
    return str(known)


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        raise ValueError(f"{entry!r} is not a network such as 10.0.0.0/8") from error


def _hop(text: str) -> Address | None:
    text = text.strip(" \t")
    match = _WITH_PORT.fullmatch(text)
    return _address(match["v6"] or match["v4"]) if match else _address(text)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            address = ipaddress.IPv6Address(int(address))
        return address.ipv4_mapped or address
    return address
