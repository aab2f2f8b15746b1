"""Redirect URIs: what may be registered, what matches, how an answer is appended (RFC 6749 3.1.2, RFC 8252).

A received URI is compared byte by byte with the registered ones, never normalised or decoded (class C1).
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote_plus, urlencode

from authserver.lib import custom_schemes

MAX_LENGTH = 2000

_URI = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+._-]*):(?P<rest>.*)")  # an underscore is told, not passed over
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
                   r"(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*")  # fmt: skip
_WEB = re.compile(r"//(?P<authority>[^/?]*)(?P<path>[^?]*)(?:\?.*)?")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::(?P<port>.*))?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_DOT_SEGMENT = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_LOOPBACK = re.compile(
    r"http://(?P<host>localhost|127\.0\.0\.1|\[::1\])(?P<port>:[1-9][0-9]{0,4})?(?P<rest>(?:[/?].*)?)"
)

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
KINDS = frozenset({"web", "spa", "native"})

# Response parameters are ours to write, whatever a registered query says (class C3).
_RESPONSE = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})


def problem(uri: str, *, kind: str = "web", self_registered: bool = False) -> str | None:
    """What is wrong with registering this URI for an app of this kind, in a sentence; None if nothing is.

    An app that registers itself may choose fewer schemes of its own (contract 11.45).
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of app: {kind}")
    if found := _problem_with_text(uri):
        return found
    match = _URI.fullmatch(uri)
    if match is None:
        return "Enter the whole address, starting with https://."
    scheme, rest = match["scheme"], match["rest"]
    if scheme.lower() in ("http", "https"):
        return _problem_with_web(scheme, rest)
    return _problem_with_custom(scheme, rest, kind, self_registered)


def matches(received: str, registered: Sequence[str], *, native: bool) -> bool:
    """Whether the received URI is one of the registered, byte for byte.

    For native apps a loopback URI may differ in its port (RFC 8252 section 7.3), and in nothing else:
    `localhost`, `127.0.0.1` and `[::1]` are different hosts.
    """
    if received in registered:
        return True
    if not native or len(received) > MAX_LENGTH:
        return False
    portless = _without_port(received)
    return portless is not None and any(_without_port(uri) == portless for uri in registered)


def append(uri: str, params: Mapping[str, str | None]) -> str:
    """A registered URI with response parameters in its query; those that are None are left out.

    The registered query stays as it is, less the parameters that an answer may carry, so that the result
    has exactly one `code`, `state`, `iss`.
    """
    base, _, query = uri.partition("?")
    ours = _RESPONSE.union(params)
    kept = [piece for piece in query.split("&") if piece and _name(piece) not in ours]
    added = urlencode({name: value for name, value in params.items() if value is not None}, quote_via=quote, safe="")
    joined = "&".join([*kept, added] if added else kept)
    return f"{base}?{joined}" if joined else base


def append_fragment(uri: str, params: Mapping[str, str | None]) -> str:
    """The same with the parameters in the fragment, which a browser keeps to itself; no registered URI has one."""
    base = append(uri, {})
    added = urlencode({name: value for name, value in params.items() if value is not None}, quote_via=quote, safe="")
    return f"{base}#{added}"


def origin(uri: str) -> str:
    """`https://host[:port]` as browsers write it in Origin; `scheme:` for a custom scheme, as CSP wants it.

    Raises ValueError for what couldn't be registered.
    """
    scheme, host, port = _parts(uri)
    if not host:
        return f"{scheme}:"
    if port in (None, {"http": "80", "https": "443"}[scheme]):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


def is_loopback(uri: str) -> bool:
    """Whether this is plain http to this very machine."""
    match = _LOOPBACK.fullmatch(uri)
    return match is not None and _good_port(match["port"])


def is_custom_scheme(uri: str) -> bool:
    """Whether this is an app's own scheme, such as `com.example.app:/callback`."""
    match = _URI.fullmatch(uri)
    return match is not None and match["scheme"].lower() not in ("http", "https")


def display_host(uri: str) -> str:
    """Where a person will be sent, for the consent page: host and any port, or the custom scheme."""
    scheme, host, port = _parts(uri)
    if not host:
        return scheme
    return f"{host}:{port}" if port else host


def _problem_with_text(uri: str) -> str | None:
    if not uri:
        return "Enter an address."
    if len(uri) > MAX_LENGTH:
        return f"The address may have at most {MAX_LENGTH} characters."
    if any(ord(character) < 33 or ord(character) == 127 for character in uri):
        return "The address has a space, a line break or another invisible character."
    if not uri.isascii():
        return "Only plain ASCII is allowed: write the host in its xn-- form and encode the rest with %."
    if "\\" in uri:
        return "The address has a backslash; use / instead."
    if "*" in uri:
        return "Wildcards are not possible: the address must match exactly. Register each address."
    if "#" in uri:
        return "The address must not have a fragment (#…)."
    if not _CHARACTERS.fullmatch(uri) or _BAD_ESCAPE.search(uri):
        return "The address has a character that must be encoded with %."
    return None


def _problem_with_web(scheme: str, rest: str) -> str | None:
    match = _WEB.fullmatch(rest)
    if match is None:
        return f"Write {scheme.lower()}:// with two slashes."
    if "@" in match["authority"]:
        return "The address must not have a user name or password (…@)."
    authority = _AUTHORITY.fullmatch(match["authority"])
    if authority is None or not authority["host"]:
        return "The address has no valid host."
    host, port = authority["host"], authority["port"]
    if host != host.lower() or scheme != scheme.lower():
        return "Write scheme and host in lower case, as browsers send them."
    if not _valid_host(host):
        return "The address has no valid host."
    if port is not None and not _good_port(f":{port}"):
        return "The port must be a number from 1 to 65535."
    if _DOT_SEGMENT.search(match["path"]):
        return "The path must not have . or .. steps."
    if scheme == "http" and host not in LOOPBACK_HOSTS:
        return "It must be https. For local work use http://127.0.0.1, http://localhost or http://[::1]."
    return None


def _problem_with_custom(scheme: str, rest: str, kind: str, self_registered: bool) -> str | None:
    if kind != "native":
        return "Use an https address. Only native apps can have their own scheme."
    if found := custom_schemes.problem(scheme, self_registered=self_registered):
        return found
    if "@" in rest:
        return "The address must not have a user name or password (…@)."
    if not rest.strip("/"):
        return "Add a path, such as :/callback."
    return None


def _valid_host(host: str) -> bool:
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return False
        return True
    return _HOST.fullmatch(host) is not None


def _good_port(port: str | None) -> bool:
    return port is None or (_PORT.fullmatch(port[1:]) is not None and int(port[1:]) <= 65535)


def _without_port(uri: str) -> tuple[str, str] | None:
    match = _LOOPBACK.fullmatch(uri)
    return (match["host"], match["rest"]) if match and _good_port(match["port"]) else None


def _name(piece: str) -> str:
    return unquote_plus(piece.partition("=")[0])


def _parts(uri: str) -> tuple[str, str, str | None]:
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError("not a redirect URI")
    scheme = match["scheme"].lower()
    if scheme not in ("http", "https"):
        return scheme, "", None
    web = _WEB.fullmatch(match["rest"])
    authority = _AUTHORITY.fullmatch(web["authority"]) if web else None
    if authority is None or not _valid_host(authority["host"]):
        raise ValueError("not a redirect URI")
    return scheme, authority["host"].lower(), authority["port"]
