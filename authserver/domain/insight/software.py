"""Other people's software that an app may be: its page of docs/connect, and what there mends a refused request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from authserver import config, connect_pages
from authserver.connect_pages import Page, Part
from authserver.domain.clients.metadata import DEVICE
from authserver.domain.insight.refusals import Refusal
from authserver.models import Client

# Which pages are for an app: by its use, and whether it is public.
_KINDS = {("people", False): "web", ("people", True): "public", ("api", False): "api", ("machine", False): "machine",
          ("device", True): "device", ("device", False): "device"}  # fmt: skip
_PLACE = re.compile(r"\{\{(redirect_uri|site)\}\}")
_SECRET = re.compile(r"\{\{client_(id|secret)\}\}")
_PKCE = re.compile(r"pkce|code_challenge|S256", re.IGNORECASE)
_SCOPE = re.compile(r"\bscopes?\b", re.IGNORECASE)
_AUDIENCE = re.compile(r"\bresource\b|audience", re.IGNORECASE)
# What stands in the line of a configuration that a failed check is about.
ABOUT = {
    "code challenge": _PKCE,
    "code verifier": _PKCE,
    "PKCE method": _PKCE,
    "nonce": re.compile(r"\bnonce\b\W*[:=]", re.IGNORECASE),
    "response type": re.compile(r"response_?type", re.IGNORECASE),
    "response mode": re.compile(r"response_?mode", re.IGNORECASE),
    "redirect uri": _PLACE,
    "redirect URI": _PLACE,
    "client secret": _SECRET,
    "Authorization header": _SECRET,
    "authentication method": _SECRET,
    "scope": _SCOPE,
    "form of scope": _SCOPE,
    "resource": _AUDIENCE,
    "audience": _AUDIENCE,
    "issuer": re.compile(r"\{\{issuer\}\}"),
}


def uses(client: Any) -> set[str]:
    """What an app is for: people, device, machine, api."""
    found = set()
    if "authorization_code" in client.grant_types and client.redirect_uris:
        found.add("people")
    if DEVICE in client.grant_types:
        found.add("device")
    if "client_credentials" in client.grant_types:
        found.add("machine")
    if client.resource_server_for or client.introspect_all or client.kind == "resource_server":
        found.add("api")
    return found


def offered(client: Any) -> dict[str, Page]:
    """What an app of this kind may be: pages by name."""
    kinds = {_KINDS[use, client.public] for use in uses(client) if (use, client.public) in _KINDS}
    return {name: page for name, page in connect_pages.pages().items() if page.kind in kinds}


def filled(page: Page, client: Any) -> Page:
    """A page with the app's own values: it is registered already, so that the first step is left out."""
    return page.without("Register").filled(_values(page, client))


def own_redirect_uri(page: Page, client: Any) -> str:
    """The registered URI that this software comes back to; empty if there is none."""
    return next((uri for uri in client.redirect_uris if uri.endswith(page.redirect)), "")


def mending(refusal: Refusal, client: Client) -> dict[str, Page]:
    """Of the software that the app may be, what has something to say about one of the checks that failed."""
    return {
        name: page for name, page in offered(client).items() if _about(page, refusal) or comes_back_to(page, refusal)
    }


def comes_back_to(page: Page, refusal: Refusal) -> str:
    """The path of its redirect URI, if that is what failed and it has no line for it; else empty."""
    misled = any(ABOUT.get(check["check"]) is _PLACE for check in _failed(refusal))
    return page.redirect if misled and not _about(page, refusal) else ""


def lines(page: Page, refusal: Refusal, client: Client) -> tuple[Part, ...]:
    """Those lines, with the app's values."""
    values = _values(page, client)
    return tuple(replace(part, text=connect_pages.fill(part.text, values)) for part in _about(page, refusal))


def recognised(refusal: Refusal, client: Client, among: Mapping[str, Page]) -> str:
    """Which of these sent the refused request, where that is sure: its own User-Agent, else a path that none shares."""
    places = [urlsplit(uri).path for uri in _places(refusal, client)]
    named = [page for page in among.values() if page.agent and refusal.user_agent.startswith(page.agent)]
    if len(named) > 1:
        named = [page for page in named if any(place.endswith(page.redirect) for place in places)]
    found = named or [page for page in among.values() if page.path and _all_fit(places, page.path)]
    return found[0].name if len(found) == 1 else ""


def _all_fit(places: Iterable[str], path: str) -> bool:
    found = list(places)
    return bool(found) and all(fnmatchcase(place, path) and place.count("/") == path.count("/") for place in found)


def _places(refusal: Refusal, client: Client) -> list[str]:
    """Where the software comes back to: as it was sent, if that is what failed, else as it is registered."""
    sent = [check["received"] for check in _failed(refusal) if check["check"].lower() == "redirect uri"]
    return [uri for uri in sent if "://" in uri] or list(client.redirect_uris)


def _about(page: Page, refusal: Refusal) -> tuple[Part, ...]:
    return page.about(*(ABOUT[check["check"]] for check in _failed(refusal) if check["check"] in ABOUT))


def _failed(refusal: Refusal) -> list[dict[str, Any]]:
    return [check for check in refusal.checks if not check["ok"]]


def _values(page: Page, client: Any) -> dict[str, str]:
    redirect_uri = own_redirect_uri(page, client)
    return {
        "issuer": config.current().issuer,
        "client_id": client.id,
        "redirect_uri": redirect_uri,
        "site": connect_pages.site(redirect_uri),
        "resource": client.resource_server_for[0] if client.resource_server_for else "",
    }
