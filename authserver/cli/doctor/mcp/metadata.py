"""How this server describes itself to clients: RFC 8414, with OpenID Connect Discovery behind it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from authserver.cli.doctor.findings import Finding
from authserver.cli.doctor.mcp import asking
from authserver.cli.doctor.mcp.trail import OURS, Ended, Trail, bad, doubtful, good, text, texts
from authserver.domain.outbound import Answer

OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
CHECK = "server metadata"
PROXY = "let the proxy in front hand on everything below /.well-known/ as it is"
OTHER = "let the address of the issuer lead to `authserver serve`, of this version"


def places(issuer: str) -> list[str]:
    """Where clients look, in their order."""
    parts = urlsplit(issuer)
    host, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return [host + OAUTH + path, host + OPENID + path, *([host + path + OPENID] if path else [])]


def find(trail: Trail) -> Iterator[Finding]:
    """The first place that answers; a redirect or a fault of the server stops the search."""
    first, *others = places(trail.settings.issuer)
    answers = {first: asking.get(first)}
    for where in others:
        answers[where] = asking.get(where)
    for where, answer in answers.items():
        if answer.status == 200:
            break
        if not 400 <= answer.status < 500:
            yield bad(CHECK, OURS, f"{where} answers {answer.status}, at which clients stop", PROXY)
            raise Ended
    else:
        yield bad(CHECK, OURS, f"there is none at {' or '.join(answers)}", OTHER)
        raise Ended
    found = asking.document(answer)
    if found is None:
        yield bad(CHECK, OURS, f"{where} is no JSON object", OTHER)
        raise Ended
    trail.server = found
    yield _where(first, where, answers)


def _where(first: str, where: str, answers: dict[str, Answer]) -> Finding:
    missing = [each for each, answer in answers.items() if answer.status != 200]
    if where != first:
        return doubtful(CHECK, OURS, f"only at {where}: clients of OAuth alone look at {first}", PROXY)
    if missing:
        return doubtful(CHECK, OURS, f"at {where}, but not at {' and '.join(missing)}", PROXY)
    return good(CHECK, f"at {where}, and where OpenID clients look")


def issuer(trail: Trail) -> Iterator[Finding]:
    """It must be what the MCP server named, byte for byte (RFC 8414 section 3.3)."""
    said, ours = text(trail.server, "issuer"), trail.settings.issuer
    if said == ours:
        yield good("issuer", f"the metadata is that of {ours}, byte for byte")
        return
    remedy = f"export AUTHSERVER_ISSUER={ours} where the server runs, or point {ours} at it"
    yield bad("issuer", OURS, f"the metadata at {ours} is that of {said or 'nobody'}: clients refuse it", remedy)
    raise Ended


def endpoints(trail: Trail) -> Iterator[Finding]:
    """Those without which nobody gets a token are there; none is null, at which real clients fail."""
    missing = [each for each in ("authorization_endpoint", "token_endpoint") if not text(trail.server, each)]
    nulls = [name for name, value in trail.server.items() if value is None]
    if missing:
        yield bad("endpoints", OURS, f"the metadata has no {' and no '.join(missing)}", OTHER)
        raise Ended
    if nulls:
        yield bad("endpoints", OURS, f"null in the metadata: {', '.join(nulls)}; clients fail at it", OTHER)
    else:
        yield good("endpoints", "authorization and token endpoint are named, and nothing is null")


def pkce(trail: Trail) -> Iterator[Finding]:
    """Clients refuse a server that does not say S256."""
    methods = texts(trail.server, "code_challenge_methods_supported")
    if "S256" in methods:
        yield good("PKCE", "S256 is advertised")
    else:
        said = f"S256 is not advertised ({' '.join(methods) or 'no method is'}): clients must refuse to go on"
        yield bad("PKCE", OURS, said, OTHER)


def methods(trail: Trail) -> Iterator[Finding]:
    """Programs on people's machines keep no secret: `none` is what they use."""
    known = texts(trail.server, "token_endpoint_auth_methods_supported")
    if "none" in known:
        others = " ".join(each for each in known if each != "none")
        yield good("client authentication", f"apps without a secret may come; those with one by {others or 'none'}")
    else:
        said = f"apps without a secret are not announced ({' '.join(known) or 'nothing is'})"
        yield bad("client authentication", OURS, said, OTHER)
