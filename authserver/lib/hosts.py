"""Hosts as the Host header and URLs write them: the same one has several spellings (RFC 9110 section 4.2.3)."""

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def canonical(authority: str, scheme: str) -> str:
    """`host[:port]` in lower case, without the root's dot and without the port that the scheme means anyway."""
    text = authority.strip(" \t").lower()
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:  # an IPv6 address without a port
        host, port = text, ""
    host = host.removesuffix(".")
    return host if port in ("", _DEFAULT_PORTS.get(scheme)) else f"{host}:{port}"
