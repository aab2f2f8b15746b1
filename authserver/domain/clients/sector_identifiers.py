"""Sectors of apps with pairwise subjects: whose apps know a person by the same `sub` (OpenID Connect Core 8.1)."""

from __future__ import annotations

from urllib.parse import urlsplit

from authserver.domain.clients import named_addresses
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.clients.metadata.registration import DEVICE, Registration
from authserver.errors import Invalid
from authserver.lib import clock, rooms, strict_json
from authserver.lib.recent import Recent

FETCH_TIMEOUT = 2.0
KEPT_SECONDS = 60  # so that what is looked up before a transaction need not be asked for inside it
MAX_KEPT = 200
MAX_DEPTH = 2
_FIELD = "sector_identifier_uri"
_ACCEPT = {"Accept": "application/json"}
_kept: Recent[str, tuple[int, tuple[str, ...]]] = Recent(MAX_KEPT)


def of(client: ClientFacts) -> str:
    """The host that its subjects are drawn for: of its sector identifier, else of its redirect URIs.

    Whoever gets codes at a host has it. People who come by devices bring none there: anybody could name a host, and a
    document that is about somebody else's redirect URIs, so that such an app is a sector of its own unless it proves
    who it is by keys that the document names (`require`).
    """
    uri = client.sector_identifier_uri or next(iter(client.redirect_uris), "")
    if client.may_use(DEVICE) and not (
        client.sector_identifier_uri and _by_keys(client.token_endpoint_auth_method, client.jwks_uri)
    ):
        uri = ""
    return (urlsplit(uri).hostname or client.id).lower()


def require(wanted: Registration) -> None:
    """Every redirect URI stands in the document that the app names (Registration 1.0, section 5). Raises Invalid.

    And for devices the address of the keys by which it proves who it is, as OpenID Connect CIBA Core 1.0, section 4,
    has it. Not inside a transaction, unless it was looked up a moment before.
    """
    uri = wanted.sector_identifier_uri
    if not uri:
        return
    listed = look_up(uri)
    if any(each not in listed for each in wanted.redirect_uris):
        raise Invalid("The document at this address does not list every redirect URI of the app.", field=_FIELD)
    if DEVICE not in (wanted.grant_types or ()):
        return
    if not _by_keys(wanted.token_endpoint_auth_method, wanted.jwks_uri) or wanted.jwks_uri not in listed:
        raise Invalid(
            "Devices never come by the redirect URIs, so the document must list the jwks_uri of the app, too, and the"
            " app prove by these keys who it is (private_key_jwt).",
            field=_FIELD,
        )


def _by_keys(method: str | None, jwks_uri: str | None) -> bool:
    return method == "private_key_jwt" and bool(jwks_uri)


def look_up(uri: str) -> tuple[str, ...]:
    """The redirect URIs that a document lists. In a room where one may wait. Raises Invalid."""
    until, listed = _kept.find(uri) or (0, ())
    if until <= clock.now():
        rooms.about_to_ask_outside(urlsplit(uri).hostname or uri)
        listed = _asked(uri)
        _kept.keep(uri, (clock.now() + KEPT_SECONDS, listed))
    return listed


def _asked(uri: str) -> tuple[str, ...]:
    return _parsed(named_addresses.read(uri, what="document", field=_FIELD, headers=_ACCEPT, timeout=FETCH_TIMEOUT))


def _parsed(body: bytes) -> tuple[str, ...]:
    try:
        text = body.decode("utf-8")
        listed = [] if strict_json.too_deep(text, MAX_DEPTH) else strict_json.loads(text)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not listed or not all(isinstance(each, str) for each in listed):
        raise Invalid("The document at this address is no JSON array of redirect URIs.", field=_FIELD)
    return tuple(listed)
