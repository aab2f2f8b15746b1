"""What the options of `authserver client create` ask for (RFC 7591 section 2)."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authserver.cli import options, output
from authserver.errors import Invalid

# The domain brings the ORM along, so each verb imports it when it runs: `--help` stays fast.
if TYPE_CHECKING:
    from authserver.domain.clients.metadata import Registration


# Names that are long, as a shell may have them.
_GRANTS = {"device_code": "urn:ietf:params:oauth:grant-type:device_code"}


def read(given: Mapping[str, Any]) -> Registration:
    """What `client create` asks for: its file, and over it its options. Raises Invalid."""
    from authserver.domain.clients import metadata as client_metadata
    from authserver.domain.clients.metadata import MACHINE, Registration

    document = given["file"].read() if given["file"] else ""
    wanted = client_metadata.from_json(document) if document else Registration(name="")
    values: dict[str, Any] = {
        "name": given["name"],
        "redirect_uris": given["redirect_uris"],
        "post_logout_redirect_uris": given["after_logout"],
        "backchannel_logout_uri": given["backchannel_logout_uri"],
        "frontchannel_logout_uri": given["frontchannel_logout_uri"],
        "grant_types": tuple(_GRANTS.get(each, each) for each in given["grants"]),
        "scopes": options.scopes(given["scope"]),
        "required_scopes": options.scopes(" ".join(given["required"])),
        "public": given["public"] or None,
        "token_endpoint_auth_method": given["auth_method"],
        "jwks": keys(given["jwks"]),
        "jwks_uri": given["jwks_uri"],
        "jwt_reuse": given["jwt_reuse"],
        "rate_limit": given["rate_limit"],
        "resources": given["resources"],
        "resource_server_for": given["served"],
        "introspect_all": given["introspect_all"],
        "skip_consent": given["skip_consent"],
        "access_token_format": given["access_token_format"],
        "client_id": given["client_id"],
    }
    asked = {name: value for name, value in values.items() if value not in (None, "", (), False)}
    if given["no_id_token_claims"]:
        asked["id_token_claims"] = False
    if given["no_pkce"] or given["require_pkce"]:
        asked["require_pkce"] = given["require_pkce"]
    if given["auth_method"] == "none":
        asked["public"] = True
    if not document and not asked.get("redirect_uris") and not asked.get("grant_types") and not asked.get("public"):
        asked.setdefault("grant_types", () if asked.get("resource_server_for") else (MACHINE,))
    return dataclasses.replace(wanted, **asked)


@contextlib.contextmanager
def named_apis(wanted: Registration, owner: Any) -> Iterator[None]:
    """Register the APIs that the shell names and nobody has made yet, together with the client or not at all."""
    from authserver import database
    from authserver.domain.access import resource_wishes, resources

    named = dict.fromkeys((*wanted.resources, *wanted.resource_server_for))
    new = [identifier for identifier in named if resources.find(identifier) is None]
    for identifier in new:
        if problem := resource_wishes.problem(identifier):
            raise Invalid(problem, field="resource")
    with database.together():
        for identifier in new:
            resources.create(identifier, identifier[:100], owner_id=owner.id if owner else None)
        yield
    for identifier in new:
        output.note(f"Registered the API {identifier}.")


def keys(file: Path | None) -> dict[str, Any] | None:
    """The public keys in a file: JWK Set, JWK or PEM. Raises Invalid."""
    from authserver.domain.clients import metadata as client_metadata

    try:
        return client_metadata.key_set(file.read_text(encoding="utf-8")) if file else None
    except UnicodeDecodeError:
        raise Invalid("The file is neither JSON nor PEM.", field="jwks") from None


def narrowed(before: Registration, scopes: tuple[str, ...]) -> dict[str, Any]:
    """What follows from other scopes, unless it was named, too: nothing is left out, or demanded, that is gone."""
    kept = {name: tuple(each for each in getattr(before, name) if each in scopes)
            for name in ("optional_scopes", "required_scopes")}  # fmt: skip
    return {"default_scopes": None, **kept}
