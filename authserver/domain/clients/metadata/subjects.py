"""How an app knows people: by one `sub` for all apps, or by one of its own (OIDC Registration 1.0, section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from authserver.domain import outbound
from authserver.domain.access import scopes
from authserver.domain.clients.metadata.registration import DEVICE, Registration
from authserver.lib import quoting

TYPES = ("public", "pairwise")
MAX_LENGTH = 512


def check(wanted: Registration) -> dict[str, str]:
    """A type that there is, and one host that a pairwise subject is drawn for (section 5; Core 8.1)."""
    problems = {}
    if wanted.subject_type not in TYPES:
        problems["subject_type"] = "Choose public or pairwise."
    elif kept := [name for name in wanted.scopes or () if wanted.subject_type == "pairwise" and name in scopes.NAMING]:
        problems["subject_type"] = (
            f"{' and '.join(kept)} would tell the app ids by which every app knows a person: take that away, or choose"
            " public."
        )
    if uri := wanted.sector_identifier_uri:
        if found := _problem(uri):
            problems["sector_identifier_uri"] = quoting.refused(uri, found)
    elif wanted.subject_type == "pairwise" and (found := _no_sector(wanted)):
        problems["sector_identifier_uri"] = found
    return problems


def judged(subject_type: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of these scopes that an app of this type may hold, whenever it got them."""
    return tuple(name for name in names if subject_type != "pairwise" or name not in scopes.NAMING)


def _no_sector(wanted: Registration) -> str | None:
    """Why the redirect URIs alone say nothing about whose apps know a person by one `sub`."""
    if not _one_host(wanted.redirect_uris):
        return "Redirect URIs that are not all https at one host need it: it says what they have in common."
    if DEVICE in (wanted.grant_types or ()) and wanted.redirect_uris:
        return (
            "Devices never come by the redirect URIs, so only a document that lists your jwks_uri shows whose you are."
        )
    return None


def _one_host(uris: tuple[str, ...]) -> bool:
    return all(uri.startswith("https://") for uri in uris) and len({urlsplit(uri).hostname for uri in uris}) <= 1


def _problem(uri: str) -> str | None:
    if not uri.startswith("https://"):
        return "It must be a whole address that starts with https://."
    if len(uri) > MAX_LENGTH or not uri.isprintable():
        return f"It may have at most {MAX_LENGTH} visible characters."
    try:
        outbound.check(uri)
    except outbound.Blocked as refused:
        return str(refused)
    return None
