"""How an MCP server describes itself: where, as what, and whom it sends clients to (RFC 9728)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from authserver.cli.doctor.findings import Finding
from authserver.cli.doctor.mcp import asking, stranger
from authserver.cli.doctor.mcp.trail import MCP, OURS, Ended, Trail, bad, doubtful, good, text, texts, untried
from authserver.domain.access import protected_resources

CHECK = "resource metadata"


def find(trail: Trail) -> Iterator[Finding]:
    """Where the challenge says, else at the path of the MCP server, else at the root of its host."""
    tried = {where: _ask(where) for where in _places(trail)}
    found = [where for where, said in tried.items() if isinstance(said, dict)]
    if not found:
        said = "; ".join(f"{where}: {what}" for where, what in tried.items())
        where = protected_resources.metadata_url(trail.url)
        yield bad(CHECK, MCP, f"there is none ({said})", f"serve the JSON of RFC 9728 at {where}")
        raise Ended
    first = tried[found[0]]
    trail.described = first if isinstance(first, dict) else {}
    told = stranger.parameters(trail.challenge).get("resource_metadata")
    if told and told not in found:
        said = f"not where the challenge says ({told}: {tried[told]}), but at {found[0]}"
        yield bad(CHECK, MCP, said, "let resource_metadata name the address that answers")
    else:
        yield good(CHECK, f"at {found[0]}")
    yield from _by_its_path(trail, tried)


def _places(trail: Trail) -> list[str]:
    parts = urlsplit(trail.url)
    root = f"{parts.scheme}://{parts.netloc}{protected_resources.WELL_KNOWN}"
    told = stranger.parameters(trail.challenge).get("resource_metadata", "")
    return list(dict.fromkeys(filter(None, (told, protected_resources.metadata_url(trail.url), root))))


def _ask(where: str) -> dict[str, object] | str:
    try:
        answer = asking.get(where)
    except asking.Unreached as error:
        return str(error)
    if answer.status != 200:
        return str(answer.status)
    found = asking.document(answer)
    return "no JSON object" if found is None else found


def _by_its_path(trail: Trail, tried: dict[str, dict[str, object] | str]) -> Iterator[Finding]:
    """Clients that do not read the challenge look there."""
    where = protected_resources.metadata_url(trail.url)
    if not isinstance(tried[where], dict):
        said = f"nothing at {where} ({tried[where]}), where clients look that do not read the challenge"
        yield doubtful("well-known path", MCP, said, "serve the same JSON there, too")
    else:
        yield good("well-known path", f"the description is at {where}")


def resource(trail: Trail) -> Iterator[Finding]:
    """The name by which clients ask for tokens: the URL itself, or one above it (RFC 9728 section 3.3)."""
    named = trail.described.get("resource")
    remedy = f'let the description say "resource": "{trail.url}"'
    if not isinstance(named, str) or not named:
        yield bad("resource", MCP, "the description names no resource, without which clients stop", remedy)
        raise Ended
    if not _covers(named, trail.url):
        said = f"the description is that of {named}, and not of {trail.url}: clients stop"
        yield bad("resource", MCP, said, remedy)
        raise Ended
    if named != trail.url:
        said = f"{named} is above {trail.url}; clients that compare the whole address stop"
        yield doubtful("resource", MCP, said, remedy)
    else:
        yield good("resource", named)


def _covers(named: str, url: str) -> bool:
    """Whether a resource is this URL or above it: same origin, and a path that this one starts with."""
    one, other = urlsplit(named), urlsplit(url)
    if (one.scheme, one.netloc.lower()) != (other.scheme, other.netloc.lower()):
        return False
    return (other.path.rstrip("/") + "/").startswith(one.path.rstrip("/") + "/")


def issuer(trail: Trail) -> Iterator[Finding]:
    """Only the first authorization server counts, byte for byte."""
    named, ours = texts(trail.described, "authorization_servers"), trail.settings.issuer
    remedy = f'let the description say "authorization_servers": ["{ours}"]'
    if named[:1] == [ours]:
        yield good("authorization server", ours)
        return
    if named and named[0] == ours + "/":
        said = f"{named[0]} is not {ours} byte for byte: clients that compare them so, as the Python SDK does, stop"
        yield bad("authorization server", MCP, said, f"{remedy}, in Python as a string: AnyHttpUrl adds the slash")
        return  # others go on, and so does the walk
    yield bad("authorization server", MCP, _other(named, ours), remedy)
    raise Ended


def _other(named: list[str], ours: str) -> str:
    if not named:
        return "the description names none: clients stop, or guess at the MCP server's own host"
    if named[0].rstrip("/").lower() == ours.lower():
        return f"{named[0]} is not {ours} byte for byte, so that clients refuse what answers there"
    if urlsplit(named[0])[1:3] == urlsplit(ours)[1:3]:
        return f"{named[0]} is the right host by the wrong scheme: this server is {ours}"
    if ours in named:
        return f"clients take the first alone, which is {named[0]}; {ours} comes later"
    return f"clients are sent to {named[0]}, and this server is {ours}"


def scopes(trail: Trail) -> Iterator[Finding]:
    """What a client asks for is known here: the challenge's scope, else the description's, else all of ours."""
    asked = wanted(trail)
    known = set(texts(trail.server, "scopes_supported"))
    if trail.unregistered:
        yield untried("scopes", "the API has none before it is registered")
    elif not asked:
        said = "neither challenge nor description names any: clients ask for everything that this server knows"
        yield doubtful("scopes", MCP, said, 'let the description list "scopes_supported"')
    elif unknown := [each for each in asked if each not in known]:
        said = f"clients ask for {' '.join(unknown)}, which this server does not know: tokens will lack it"
        remedy = f'authserver resource update {trail.resource} --scope "{" ".join(asked)}"'
        yield bad("scopes", OURS, said, remedy)
    else:
        yield good("scopes", f"clients ask for {' '.join(asked)}")


def wanted(trail: Trail) -> list[str]:
    """The scopes that a client asks for, as the MCP server names them."""
    told = stranger.parameters(trail.challenge).get("scope", "").split()
    return told or [each for each in texts(trail.described, "scopes_supported") if text({"scope": each}, "scope")]
