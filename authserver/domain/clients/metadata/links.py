"""Addresses that an app tells about itself: homepage, policies, origins of its pages, contacts."""

from __future__ import annotations

from collections.abc import Sequence

from authserver.domain.clients.metadata import rows
from authserver.domain.clients.metadata.registration import Registration
from authserver.lib import emails, quoting, redirect_uris


def check(wanted: Registration) -> dict[str, str]:
    """Links are whole and https; origins are origins; contacts are addresses."""
    problems = {}
    for name in ("homepage", "logo_uri", "initiate_login_uri", "policy_uri", "tos_uri", "backchannel_logout_uri"):
        uri = getattr(wanted, name)
        if uri and (found := _link_problem(uri, local=name in ("homepage", "logo_uri", "backchannel_logout_uri"))):
            problems[name] = quoting.refused(uri, found)
    if (uri := wanted.frontchannel_logout_uri) and (found := _frame_problem(uri, wanted.redirect_uris)):
        problems["frontchannel_logout_uri"] = quoting.refused(uri, found)
    problems |= rows.problems("allowed_cors_origins", wanted.allowed_cors_origins, _origin_problem)
    return problems | rows.problems("contacts", wanted.contacts, _contact_problem)


def _link_problem(uri: str, *, local: bool) -> str | None:
    if local and redirect_uris.is_loopback(uri):
        return None
    if not uri.startswith("https://"):
        return "It must be a whole address that starts with https://."
    return redirect_uris.problem(uri)


def _frame_problem(uri: str, own: Sequence[str]) -> str | None:
    """Scheme, host and port are those of a redirect URI (OpenID Connect Front-Channel Logout 1.0, section 2)."""
    if found := _link_problem(uri, local=True):
        return found
    origins = {redirect_uris.origin(each) for each in own if redirect_uris.problem(each, kind="native") is None}
    return None if redirect_uris.origin(uri) in origins else "It must be at the host and port of a redirect URI."


def _origin_problem(text: str) -> str | None:
    if found := redirect_uris.problem(text):
        return found
    return (
        None
        if redirect_uris.origin(text) == text
        else "Scheme, host and port alone make an origin: https://app.example.com."
    )


def _contact_problem(text: str) -> str | None:
    try:
        emails.normalise(text)
    except ValueError as error:
        return str(error)
    return None
