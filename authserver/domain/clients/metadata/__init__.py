"""Client metadata (RFC 7591 section 2): what may be registered, as strict for people as for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from authserver.domain.clients.metadata import (
    access,
    authentication,
    keys,
    kinds,
    links,
    redirect_uris,
    request_objects,
    signing_algs,
    subjects,
    texts,
    tokens,
)
from authserver.domain.clients.metadata.document import from_document, from_json, to_document
from authserver.domain.clients.metadata.keys import ignored as ignored_keys
from authserver.domain.clients.metadata.keys import key_set
from authserver.domain.clients.metadata.kinds import KINDS
from authserver.domain.clients.metadata.registration import (
    CODE,
    DEVICE,
    FIELDS,
    MACHINE,
    OF_PEOPLE,
    REFRESH,
    Registration,
)
from authserver.domain.clients.metadata.tokens import FORMATS
from authserver.errors import Invalid

__all__ = [
    "CODE", "DEVICE", "FIELDS", "FORMATS", "KINDS", "MACHINE", "OF_PEOPLE", "REFRESH", "Registration",
    "check", "complete", "from_document", "from_json", "ignored_keys", "key_set", "to_document",
]  # fmt: skip

# Each takes a completed registration and answers {field: sentence}; a list's rows are fields such as `redirect_uris.2`.
_RULES: tuple[Callable[[Registration], dict[str, str]], ...] = (
    texts.check, authentication.check_kind, redirect_uris.check, links.check, authentication.check_grants,
    authentication.check_method, keys.check, authentication.check_signing_alg,
    access.check_scopes, access.check_resources, access.check_consent,
    tokens.check, tokens.check_rate_limit, signing_algs.check,
    request_objects.check, subjects.check,
)  # fmt: skip


def complete(wanted: Registration) -> Registration:
    """The registration with everything filled in that its kind settles."""
    kind_name = wanted.kind or kinds.guess(wanted)
    kind = KINDS.get(kind_name)
    if kind is None:
        raise Invalid("Choose what kind of app this is.", field="kind")
    public = kind.public if wanted.public is None else wanted.public
    granted = kind.grant_types if wanted.grant_types is None else wanted.grant_types
    return dataclasses.replace(
        wanted,
        name=" ".join(word for word in wanted.name.split(" ") if word),
        kind=kind_name,
        application_type=wanted.application_type or kind.application_type,
        public=public,
        token_endpoint_auth_method=wanted.token_endpoint_auth_method or ("none" if public else None),
        grant_types=tuple(dict.fromkeys(granted)),
        scopes=tuple(dict.fromkeys(wanted.scopes)),
        default_scopes=wanted.scopes if wanted.default_scopes is None else wanted.default_scopes,
        jwks=keys.understood(wanted.jwks),
        jwks_uri=wanted.jwks_uri or None,
        rate_limit=wanted.rate_limit or None,
    )


def check(
    wanted: Registration, *, trusted: bool, owner_id: str | None, before: Registration | None = None,
    self_registered: bool = False,
) -> None:  # fmt: skip
    """Raise Invalid with one sentence for each field (or `redirect_uris.2`) that breaks a rule.

    `wanted` is complete. Without `trusted`, what only administrators give is refused, unless the client has it already.
    """
    problems: dict[str, str] = {}
    for rule in _RULES:
        problems |= {name: text for name, text in rule(wanted).items() if name not in problems}
    problems |= authentication.check_pkce(wanted, self_registered=self_registered)
    if self_registered:
        problems = redirect_uris.check_self_registered(wanted) | problems
    if not trusted:
        problems |= access.beyond_owner(wanted, owner_id, before)
    if problems:
        raise Invalid("Check the highlighted fields.", detail=f"client metadata: {sorted(problems)}", problems=problems)
