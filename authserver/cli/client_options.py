"""Options of `client create` and `client update`: one for each member of RFC 7591 and ours that a shell may write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from authserver.cli import client_registration, options


@dataclass(frozen=True, slots=True)
class Option:
    """`member` as RFC 7591 names it, which `flag` it has, how it is read, and the sentence of its help."""

    member: str
    flag: str
    kind: str  # text, texts, words, number, switch or file
    sentence: str


MORE = (
    Option("client_uri", "--client-uri", "text", "Its homepage, which people who sign in see."),
    Option("description", "--description", "text", "What it does, in a sentence for people."),
    Option("contacts", "--contact", "texts", "Email of somebody who looks after it; repeatable."),
    Option("logo_uri", "--logo-uri", "text", "A picture that is fetched once and shown from here."),
    Option("policy_uri", "--policy-uri", "text", "Its privacy policy."),
    Option("tos_uri", "--tos-uri", "text", "Its terms of service."),
    Option("application_type", "--application-type", "text", "web or native; as its kind says unless told."),
    Option("allowed_cors_origins", "--allowed-cors-origin", "texts", "Pages there may call the server; repeatable."),
    Option("access_token_ttl", "--access-token-ttl", "number", "How long its access tokens live, in seconds."),
    Option("id_token_signed_response_alg", "--id-token-alg", "text", "Signs its ID tokens; RS256 unless told."),
    Option("token_endpoint_auth_signing_alg", "--auth-signing-alg", "text", "Its own JWTs are signed with this."),
    Option("userinfo_signed_response_alg", "--userinfo-alg", "text", "Signs userinfo; JSON unless told."),
    Option("introspection_signed_response_alg", "--introspection-alg", "text", "Signs answers to its introspection."),
    Option("default_max_age", "--default-max-age", "number", "Seconds after which people prove again who they are."),
    Option("require_auth_time", "--require-auth-time", "switch", "It needs auth_time, which all ID tokens have."),
    Option("software_id", "--software-id", "text", "What its maker calls the program, in every copy."),
    Option("software_version", "--software-version", "text", "Which version of that program it is."),
    Option("default_acr_values", "--default-acr", "texts", "How surely people sign in, such as aal2; repeatable."),
    Option("subject_type", "--subject-type", "text", "public, or pairwise: it knows people by ids of its own."),
    Option("sector_identifier_uri", "--sector-identifier-uri", "text", "Lists redirect URIs of several hosts."),
    Option("initiate_login_uri", "--initiate-login-uri", "text", "Others send people there to sign in at the app."),
    Option("response_modes", "--response-mode", "texts", "How answers may come back; repeatable, all unless told."),
    Option("default_scopes", "--default-scope", "texts", "What a request that names none gets; repeatable."),
    Option("optional_scopes", "--optional-scope", "texts", "What people may leave out; repeatable."),
    Option("request_uris", "--request-uri", "texts", "Address of its request objects; repeatable."),
    Option("request_object_signing_alg", "--request-object-alg", "text", "Its request objects are signed with this."),
    Option("backchannel_logout_session_required", "--backchannel-session", "switch", "Tell it which sign-in ended."),
    Option("frontchannel_logout_session_required", "--frontchannel-session", "switch", "Tell that page which one."),
)  # fmt: skip


# What `client create` has beside them, as `client update` has it.
BASIC = (
    Option("client_name", "--name", "text", "What people read."),
    Option("redirect_uris", "--redirect-uri", "texts", "Where people come back to; repeatable, all of them."),
    Option("post_logout_redirect_uris", "--post-logout-redirect-uri", "texts", "Where people go after sign-out."),
    Option("backchannel_logout_uri", "--backchannel-logout-uri", "text", "Told with a signed token of sign-outs."),
    Option("frontchannel_logout_uri", "--frontchannel-logout-uri", "text", "Loaded in a frame at sign-out."),
    Option("grant_types", "--grant", "texts", "A grant it may use; repeatable, all of them."),
    Option("scope", "--scope", "words", "All that it may ask for."),
    Option("required_scopes", "--required-scope", "texts", "What people cannot leave out; repeatable."),
    Option("token_endpoint_auth_method", "--auth-method", "text", "private_key_jwt, or client_secret_basic or _post."),
    Option("jwks", "--jwks", "file", "File with its public keys: JWK Set, JWK or PEM."),
    Option("jwks_uri", "--jwks-uri", "text", "Address of its public keys."),
    Option("jwt_reuse", "--jwt-reuse", "switch", "Its own JWTs may be used more than once."),
    Option("rate_limit", "--rate-limit", "text", "A limit of its own, such as 5000/hour."),
    Option("resources", "--resource", "texts", "An API it may ask tokens for; repeatable, all of them."),
    Option("resource_server_for", "--resource-server", "texts", "It is the API at this resource; repeatable."),
    Option("introspect_all", "--introspect-all", "switch", "It may check every credential, API keys included."),
    Option("id_token_claims", "--id-token-claims", "switch", "Name and email in ID tokens."),
    Option("require_pkce", "--require-pkce", "switch", "PKCE always; --no-require-pkce: its software sends none."),
    Option("access_token_format", "--access-token-format", "text", "jwt or opaque."),
    Option("skip_consent", "--skip-consent", "switch", "For your own apps: people are not asked."),
)  # fmt: skip
# Texts whose absence is another thing than an empty one.
_ABSENT = (
    "token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "userinfo_signed_response_alg",
    "request_object_signing_alg",
)  # fmt: skip
_SCOPES = ("required_scopes", "optional_scopes", "default_scopes")
# Grants by the short names that a shell may have for them.
_GRANTS = {"device_code": "urn:ietf:params:oauth:grant-type:device_code"}


def more(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what `client create` has besides; what is not given is None."""
    return _added(command, MORE)


def all(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add everything that `client update` changes."""
    return _added(command, (*BASIC, *MORE))


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was named, by the fields of a registration; an empty text takes a value away. Raises Invalid."""
    from authserver.domain.clients.metadata.document import FIELD_OF

    return {FIELD_OF[each.member]: _read(each, value) for each, value in _named(values)}


def _added(command: Callable[..., Any], table: tuple[Option, ...]) -> Callable[..., Any]:
    for each in reversed(table):
        command = click.option(*_names(each), **_KINDS[each.kind], help=each.sentence)(command)
    return command


def _named(values: Mapping[str, Any]) -> Iterator[tuple[Option, Any]]:
    for each in (*BASIC, *MORE):
        value = values.get(each.member)
        if value is not None and value != ():
            yield each, value


def _read(each: Option, value: Any) -> Any:
    if each.member in _SCOPES:
        named = options.scopes(" ".join(value))
        return named or None if each.member == "default_scopes" else named
    if each.kind == "texts":
        return tuple(_GRANTS.get(text, text) if each.member == "grant_types" else text for text in value if text)
    if each.kind == "words":
        return options.scopes(value)
    if each.kind == "file":
        return client_registration.keys(value)
    return value or None if each.member in _ABSENT else value


def _names(each: Option) -> tuple[str, ...]:
    if each.kind == "switch":
        return (f"{each.flag}/--no-{each.flag.removeprefix('--')}", each.member)
    return (each.flag, each.member)


_KINDS: dict[str, dict[str, Any]] = {
    "text": {"default": None},
    "words": {"default": None},
    "texts": {"multiple": True},
    "number": {"default": None, "type": int, "metavar": "N"},
    "switch": {"default": None},
    "file": {"default": None, "type": click.Path(exists=True, dir_okay=False, path_type=Path)},
}
