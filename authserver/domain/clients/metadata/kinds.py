"""The kinds of app (ux.md 2.4): what choosing one settles."""

from __future__ import annotations

from dataclasses import dataclass

from authserver.domain.clients.metadata import redirect_uris
from authserver.domain.clients.metadata.registration import CODE, DEVICE, MACHINE, OF_PEOPLE, REFRESH, Registration


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of app settles: nothing of it has to be understood to register one."""

    name: str
    title: str
    sentence: str
    examples: str
    application_type: str
    public: bool
    grant_types: tuple[str, ...]
    tip: str = ""


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "web", "Web app", "Runs on a server of yours and can keep a secret.", "Django, Rails, Express, Next.js",
            "web", False, (CODE, REFRESH),
            "The page of your app that people come back to, such as https://app.example.com/callback.",
        ),
        Kind(
            "spa", "Single-page app", "Runs in the browser alone. No secret; PKCE protects the sign-in.",
            "React, Vue, Svelte", "web", True, (CODE, REFRESH),
            "The page that people come back to. Its origin may then call the token endpoint.",
        ),
        Kind(
            "native", "Native or command-line app",
            "Runs on people's machines and opens their browser. No secret; PKCE protects it.",
            "Desktop, mobile, CLI, MCP client", "native", True, (CODE, REFRESH),
            "http://127.0.0.1/callback accepts any port. Or a scheme of your own: a domain of yours in reverse, such as"
            " com.example.app:/callback, is safer than a short one, which another app on the same machine may claim.",
        ),
        Kind(
            "device", "Device without a browser",
            "Shows a code that its person types into a browser elsewhere. It needs no browser and no redirect URI.",
            "Televisions, tools over SSH, appliances", "native", True, (DEVICE, REFRESH),
            "Only for an app that also signs people in by a browser of its own.",
        ),
        Kind(
            "machine", "Machine to machine", "A program that acts for itself, with nobody signed in.",
            "Nightly jobs, services, CI", "web", False, (MACHINE,),
        ),
        Kind(
            "resource_server", "API", "Receives tokens and asks this server whether they are good.",
            "REST APIs, gateways", "web", False, (),
        ),
    )
}  # fmt: skip


def is_device(wanted: Registration) -> bool:
    """Whether people sign in at it by a code alone (RFC 8628)."""
    return not wanted.redirect_uris and OF_PEOPLE.intersection(wanted.grant_types or ()) == {DEVICE}


def guess(wanted: Registration) -> str:
    """The kind of app that a registration without one describes."""
    if is_device(wanted) and (wanted.public or wanted.token_endpoint_auth_method == "none"):
        return "device"
    if wanted.public or wanted.token_endpoint_auth_method == "none":
        return "spa" if wanted.redirect_uris and redirect_uris.only_https(wanted.redirect_uris) else "native"
    if wanted.redirect_uris or OF_PEOPLE.intersection(wanted.grant_types or ()):
        return "web"
    return "resource_server" if wanted.resource_server_for or wanted.introspect_all else "machine"
