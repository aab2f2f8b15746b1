"""What an app may ask for, and what its owner may let it: scopes, resources, privileges (contract 11.3)."""

from __future__ import annotations

from authserver.domain.access import resources, scopes
from authserver.domain.clients.metadata import redirect_uris
from authserver.domain.clients.metadata.registration import Registration
from authserver.lib import quoting

# What only administrators and the command line give (contract 11.3), beside some scopes and resources.
PRIVILEGES: dict[str, tuple[object, str]] = {
    "resource_server_for": ((), "Only an administrator can make an app the server of a resource."),
    "introspect_all": (False, "Only an administrator can let an app check every credential."),
    "skip_consent": (False, "Only an administrator can let an app skip consent."),
    "rate_limit": (None, "Only an administrator can give an app a limit of its own."),
}


def check_scopes(wanted: Registration) -> dict[str, str]:
    """Scopes exist, and what is default or optional is among them."""
    problems = {}
    if missing := quoting.strangers(wanted.scopes, scopes.all()):
        problems["scopes"] = f"There is no scope {missing}. An administrator can add it."
    for name in ("default_scopes", "optional_scopes", "required_scopes"):
        if others := quoting.strangers(getattr(wanted, name) or (), wanted.scopes):
            problems[name] = f"The app does not have {others}: these must be among its scopes."
    if both := [name for name in wanted.required_scopes if name in wanted.optional_scopes]:
        problems["required_scopes"] = f"People cannot leave out what the app requires: {', '.join(both)} is in both."
    return problems


def check_resources(wanted: Registration) -> dict[str, str]:
    """Resources are registered."""
    problems = {}
    for name in ("resources", "resource_server_for"):
        if unknown := resources.unknown(getattr(wanted, name)):
            problems[name] = f"There is no API {quoting.strangers(unknown, ())}. An administrator can register it."
    return problems


def check_consent(wanted: Registration) -> dict[str, str]:
    """Consent is skipped only where nobody else can receive the answer (contract 11.11)."""
    keeps_a_secret = not (wanted.public or wanted.application_type == "native")
    if wanted.skip_consent and not keeps_a_secret and not redirect_uris.only_https(wanted.redirect_uris):
        whose = "A native app" if wanted.application_type == "native" else "An app without a secret"
        return {"skip_consent": f"{whose} can skip consent only if all its redirect URIs are https."}
    return {}


def beyond_owner(wanted: Registration, owner_id: str | None, before: Registration | None) -> dict[str, str]:
    """What only an administrator gives, unless the app has it already."""
    problems = {}
    for name, (harmless, text) in PRIVILEGES.items():
        if getattr(wanted, name) not in (harmless, getattr(before, name, harmless)):
            problems[name] = text
    # Unlike a privilege, a limit is nothing to give up: without it an app may do more (contract 11.36).
    if before is not None and wanted.rate_limit != before.rate_limit:
        problems["rate_limit"] = "Only an administrator changes the limit that an app was given."
    own = {each.name for each in scopes.assignable_by(admin=False)} | set(before.scopes if before else ())
    if others := quoting.strangers(wanted.scopes, own):
        problems["scopes"] = f"Only an administrator can give {others}."
    served = {each.identifier for each in resources.assignable_by(owner_id, admin=False)}
    if others := quoting.strangers(wanted.resources, served | set(before.resources if before else ())):
        problems["resources"] = f"You can choose public APIs and your own; {others} is neither."
    if wanted.kind == "resource_server" and before is None:
        problems["kind"] = "Only an administrator can register an API."
    if wanted.client_id:
        problems["client_id"] = "The client id is made by the server."
    return problems
