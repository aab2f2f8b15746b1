"""Request objects of an app: where it publishes them, and how they are signed (OIDC Registration 1.0, section 2)."""

from __future__ import annotations

from authserver.domain import outbound
from authserver.domain.clients.metadata import rows
from authserver.domain.clients.metadata.registration import Registration

ALGS = ("RS256", "PS256", "ES256", "EdDSA", "none")
MAX_URIS = 10
MAX_LENGTH = 512  # section 6.2


def check(wanted: Registration) -> dict[str, str]:
    """The algorithm is one that is verified here, or none where that was chosen; addresses may be fetched."""
    problems = {}
    if wanted.request_object_alg not in (None, *ALGS):
        problems["request_object_alg"] = f"Choose {', '.join(ALGS[:-1])} or {ALGS[-1]}, or leave it out."
    if len(wanted.request_uris) > MAX_URIS:
        problems["request_uris"] = f"At most {MAX_URIS} are possible."
    return problems | rows.problems("request_uris", wanted.request_uris, _problem)


def _problem(uri: str) -> str | None:
    if len(uri) > MAX_LENGTH or not uri.isprintable():
        return f"The address may have at most {MAX_LENGTH} visible characters."
    try:
        outbound.check(uri.partition("#")[0])
    except outbound.Blocked as refused:
        return str(refused)
    return None
