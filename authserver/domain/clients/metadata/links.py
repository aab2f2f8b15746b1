"""Addresses that an app tells about itself: homepage, policies, origins of its pages, contacts."""

from __future__ import annotations

from authserver.domain.clients.metadata import rows
from authserver.domain.clients.metadata.registration import Registration
from authserver.lib import emails, quoting, redirect_uris


def check(wanted: Registration) -> dict[str, str]:
    """Links are whole and https; origins are origins; contacts are addresses."""
    problems = {}
    for name in ("homepage", "policy_uri", "tos_uri"):
        uri = getattr(wanted, name)
        if uri and (found := _link_problem(uri, local=name == "homepage")):
            problems[name] = quoting.refused(uri, found)
    problems |= rows.problems("allowed_cors_origins", wanted.allowed_cors_origins, _origin_problem)
    return problems | rows.problems("contacts", wanted.contacts, _contact_problem)


def _link_problem(uri: str, *, local: bool) -> str | None:
    if local and redirect_uris.is_loopback(uri):
        return None
    if not uri.startswith("https://"):
        return "It must be a whole address that starts with https://."
    return redirect_uris.problem(uri)


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
