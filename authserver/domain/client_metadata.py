"""Client metadata (RFC 7591 section 2): what may be registered, as strict for people as for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from authserver import config
from authserver.domain import outbound, resources, scopes
from authserver.errors import Invalid
from authserver.lib import emails, jwt, redirect_uris
from authserver.lib import scopes as grammar

CODE, REFRESH, MACHINE = "authorization_code", "refresh_token", "client_credentials"
GRANT_TYPES = (CODE, REFRESH, MACHINE)
SECRET_METHODS = ("client_secret_basic", "client_secret_post")
FORMATS = ("jwt", "opaque")
ID_TOKEN_ALGS = ("RS256", "ES256")
TTL = range(60, 86_401)
MAX_ROWS = 50
MAX_EXTRA = 16_384


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
            "native", "Native or command-line app", "Runs on people's own machines. No secret; PKCE protects it.",
            "Desktop, mobile, CLI, MCP client", "native", True, (CODE, REFRESH),
            "http://127.0.0.1/callback accepts any port. Or a scheme of your own, such as com.example.app:/callback.",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What somebody asks for. None and "" mean: as the kind says. Lists keep their order."""

    name: str
    kind: str = ""
    client_id: str = ""  # chosen: command line alone
    application_type: str = ""
    public: bool | None = None
    token_endpoint_auth_method: str | None = None
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    allowed_cors_origins: tuple[str, ...] = ()
    grant_types: tuple[str, ...] | None = None
    response_modes: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    default_scopes: tuple[str, ...] | None = None  # None: all of `scopes`
    optional_scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_server_for: tuple[str, ...] = ()
    introspect_all: bool = False
    require_pkce: bool = True
    skip_consent: bool = False
    access_token_format: str = "jwt"
    access_token_ttl: int | None = None
    id_token_alg: str = "RS256"
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    jwt_reuse: bool = False
    rate_limit: str | None = None
    homepage: str = ""
    description: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    contacts: tuple[str, ...] = ()
    metadata_extra: dict[str, Any] = field(default_factory=dict)


FIELDS = tuple(each.name for each in dataclasses.fields(Registration))


# What only administrators and the command line give (contract 11.3), beside some scopes and resources.
PRIVILEGES: dict[str, tuple[object, str]] = {
    "resource_server_for": ((), "Only an administrator can make an app the server of a resource."),
    "introspect_all": (False, "Only an administrator can let an app check every credential."),
    "skip_consent": (False, "Only an administrator can let an app skip consent."),
    "require_pkce": (True, "Only an administrator can switch PKCE off."),
    "rate_limit": (None, "Only an administrator can give an app a limit of its own."),
}


def complete(wanted: Registration) -> Registration:
    """The registration with everything filled in that its kind settles."""
    kind_name = wanted.kind or _guess_kind(wanted)
    kind = KINDS.get(kind_name)
    if kind is None:
        raise Invalid("Choose what kind of app this is.", field="kind")
    public = kind.public if wanted.public is None else wanted.public
    granted = kind.grant_types if wanted.grant_types is None else wanted.grant_types
    return dataclasses.replace(
        wanted,
        name=" ".join(wanted.name.split(" ")).strip(),
        kind=kind_name,
        application_type=wanted.application_type or kind.application_type,
        public=public,
        token_endpoint_auth_method=wanted.token_endpoint_auth_method or ("none" if public else None),
        grant_types=tuple(dict.fromkeys(granted)),
        scopes=tuple(dict.fromkeys(wanted.scopes)),
        default_scopes=wanted.scopes if wanted.default_scopes is None else wanted.default_scopes,
        jwks_uri=wanted.jwks_uri or None,
        rate_limit=wanted.rate_limit or None,
    )


def check(wanted: Registration, *, trusted: bool, owner_id: str | None, before: Registration | None = None) -> None:
    """Raise Invalid with one sentence for each field (or `redirect_uris.2`) that breaks a rule.

    `wanted` is complete. Without `trusted`, what only administrators give is refused, unless the client has it already.
    """
    problems: dict[str, str] = {}
    for rule in _RULES:
        problems |= {name: text for name, text in rule(wanted).items() if name not in problems}
    if not trusted:
        problems |= _beyond_owner(wanted, owner_id, before)
    if problems:
        raise Invalid("Check the highlighted fields.", detail=f"client metadata: {sorted(problems)}", problems=problems)


def key_set(text: str) -> dict[str, Any] | None:
    """The public keys that somebody pasted: a JWK Set, one JWK, or keys in PEM. None for nothing. Raises Invalid."""
    if not text.strip():
        return None
    if text.lstrip().startswith("-----BEGIN"):
        return _from_pem(text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("This is neither JSON nor PEM.", field="jwks") from None
    if not isinstance(value, dict):
        raise Invalid("This is not a JSON object.", field="jwks")
    return {"keys": [value]} if "kty" in value else value


def _from_pem(text: str) -> dict[str, Any]:
    blocks = [block + _PEM_END for block in text.split(_PEM_END) if block.strip()]
    if "PRIVATE KEY" in text:
        raise Invalid("This is a private or symmetric key. Send the public key only.", field="jwks")
    try:
        return {"keys": [jwt.public_jwk(block.strip() + "\n") for block in blocks[:11]]}
    except jwt.InvalidKey as error:
        raise Invalid(str(error), field="jwks") from None


_PEM_END = "-----END PUBLIC KEY-----"


def from_json(text: str) -> Registration:
    """Read an RFC 7591 document: unknown members are kept, secrets and ids not taken over. Raises Invalid."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
        # A lone surrogate is no text, and PostgreSQL keeps no NUL.
        if b"\\u0000" in json.dumps(document, ensure_ascii=False).encode():
            raise ValueError
    except (ValueError, RecursionError):
        raise Invalid("This is not JSON.", field="metadata") from None
    if not isinstance(document, dict):
        raise Invalid("This is not a JSON object.", field="metadata")
    return from_document(document)


def from_document(document: Mapping[str, Any]) -> Registration:
    """What an RFC 7591 object asks for. Raises Invalid for wrong types and for what we do not offer."""
    problems = {
        name: "This server does not offer it."
        for name in _UNOFFERED
        if document.get(name) not in (None, False, "", [], {})
    }
    values: dict[str, Any] = {}
    for member, (target, read) in _MEMBERS.items():
        if document.get(member) is None:
            continue
        try:
            values[target] = read(document[member])
        except (TypeError, ValueError):
            problems[member] = "This member has the wrong type or form."
    if values.pop("response_types", ("code",)) not in (("code",), ()):
        problems["response_types"] = "Only the response type code is possible."
    if problems:
        raise Invalid("Check the metadata document.", problems=problems)
    extra = {name: value for name, value in document.items() if name not in _MEMBERS and name not in _OURS}
    return Registration(**({"name": "", "metadata_extra": extra} | _public_from(values)))


def to_document(facts: Any) -> dict[str, Any]:
    """A client as an RFC 7591 object; nothing secret is in it. Takes a Client, its facts or a Registration."""
    document: dict[str, Any] = {**facts.metadata_extra}
    for member, (target, _) in _MEMBERS.items():
        value = "code" if target == "response_types" else getattr(facts, target)
        if target == "response_types":
            document[member] = ["code"] if CODE in facts.grant_types else []
        elif member == "scope":
            document[member] = grammar.join(value)
        elif value not in (None, "", (), [], {}):
            document[member] = list(value) if isinstance(value, tuple) else value
    return document


# Rules: each takes a completed registration and answers {field: sentence}.


def _check_texts(wanted: Registration) -> dict[str, str]:
    problems = {}
    if not 1 <= len(wanted.name) <= 100 or not wanted.name.isprintable():
        problems["name"] = "Enter a name of 1 to 100 visible characters."
    text = wanted.description.replace("\r\n", " ").replace("\n", " ")
    if len(text) > 500 or not text.isprintable():
        problems["description"] = "At most 500 characters are possible."
    if wanted.client_id and not (3 <= len(wanted.client_id) <= 64 and _plain(wanted.client_id)):
        problems["client_id"] = "A client id has 3 to 64 letters, digits, - _ and dots."
    return problems


def _check_kind(wanted: Registration) -> dict[str, str]:
    if wanted.application_type not in ("web", "native"):
        return {"application_type": "The application type is web or native."}
    if wanted.public != KINDS[wanted.kind].public:
        return {"kind": "This kind of app does not go with its authentication."}
    return {}


def _check_redirect_uris(wanted: Registration) -> dict[str, str]:
    kind = "native" if wanted.application_type == "native" else "spa" if wanted.public else "web"
    problems = _check_rows("redirect_uris", wanted.redirect_uris, lambda uri: redirect_uris.problem(uri, kind=kind))
    if CODE in (wanted.grant_types or ()) and not wanted.redirect_uris:
        problems["redirect_uris"] = "Enter at least one redirect URI: it is where people come back to."
    return problems | _check_rows(
        "post_logout_redirect_uris", wanted.post_logout_redirect_uris, lambda uri: redirect_uris.problem(uri, kind=kind)
    )


def _check_links(wanted: Registration) -> dict[str, str]:
    problems = {}
    for name in ("homepage", "policy_uri", "tos_uri"):
        uri = getattr(wanted, name)
        local = name == "homepage" and redirect_uris.is_loopback(uri)
        if uri and (redirect_uris.problem(uri) or not (uri.startswith("https://") or local)):
            problems[name] = "Enter a whole address that starts with https://."
    return problems | _check_rows("allowed_cors_origins", wanted.allowed_cors_origins, _origin_problem)


def _check_contacts(wanted: Registration) -> dict[str, str]:
    return _check_rows("contacts", wanted.contacts, _contact_problem)


def _check_grants(wanted: Registration) -> dict[str, str]:
    granted = wanted.grant_types or ()
    if unknown := [name for name in granted if name not in GRANT_TYPES]:
        return {"grant_types": f"This server does not offer {len(unknown)} of these grants."}
    if wanted.public and MACHINE in granted:
        return {"grant_types": "An app without a secret cannot use client_credentials."}
    if REFRESH in granted and CODE not in granted:
        return {"grant_types": "refresh_token goes together with authorization_code."}
    if not granted and wanted.kind != "resource_server":
        return {"grant_types": "Choose at least one grant."}
    if any(mode not in ("query", "form_post") for mode in wanted.response_modes):
        return {"response_modes": "Possible are query and form_post."}
    return {}


def _check_authentication(wanted: Registration) -> dict[str, str]:
    method = wanted.token_endpoint_auth_method
    if wanted.public:
        if not wanted.require_pkce:
            return {"require_pkce": "An app without a secret always needs PKCE."}
        return {} if method == "none" else {"token_endpoint_auth_method": "Without a secret, only none is possible."}
    if method is not None and method not in SECRET_METHODS:
        return {"token_endpoint_auth_method": "Possible are client_secret_basic and client_secret_post."}
    return {}


def _check_keys(wanted: Registration) -> dict[str, str]:
    if wanted.jwks is not None and wanted.jwks_uri:
        return {"jwks_uri": "Give either the keys or their address, not both."}
    if wanted.jwks_uri and (found := _fetch_problem(wanted.jwks_uri)):
        return {"jwks_uri": found}
    if wanted.jwks is None:
        return {}
    keys = wanted.jwks.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= 10 or set(wanted.jwks) != {"keys"}:
        return {"jwks": 'A key set has the form {"keys": […]} with 1 to 10 keys.'}
    try:
        for key in keys:
            jwt.load_public(key)
    except jwt.InvalidKey as error:
        return {"jwks": str(error)}
    return {}


def _check_rate_limit(wanted: Registration) -> dict[str, str]:
    if wanted.rate_limit is not None and not config.is_rate_limit(wanted.rate_limit):
        return {"rate_limit": "A limit looks like 1000/hour."}
    return {}


def _check_scopes(wanted: Registration) -> dict[str, str]:
    existing = scopes.all()
    problems = {}
    if missing := [name for name in wanted.scopes if name not in existing]:
        problems["scopes"] = f"{len(missing)} of these scopes do not exist."
    for name in ("default_scopes", "optional_scopes"):
        if not set(getattr(wanted, name) or ()) <= set(wanted.scopes):
            problems[name] = "These must be among the scopes of the app."
    return problems


def _check_resources(wanted: Registration) -> dict[str, str]:
    problems = {}
    for name in ("resources", "resource_server_for"):
        if any(resources.find(each) is None for each in getattr(wanted, name)):
            problems[name] = "One of these resources is not registered."
    return problems


def _check_consent(wanted: Registration) -> dict[str, str]:
    if wanted.skip_consent and wanted.public and not _only_https(wanted.redirect_uris):
        return {"skip_consent": "An app without a secret can skip consent only if all its redirect URIs are https."}
    return {}


def _check_tokens(wanted: Registration) -> dict[str, str]:
    problems = {}
    if wanted.access_token_format not in FORMATS:
        problems["access_token_format"] = "Choose JWT or opaque."
    if wanted.access_token_ttl is not None and wanted.access_token_ttl not in TTL:
        problems["access_token_ttl"] = "Enter 60 to 86400 seconds."
    if wanted.id_token_alg not in ID_TOKEN_ALGS:
        problems["id_token_alg"] = "Choose RS256 or ES256."
    if len(json.dumps(wanted.metadata_extra)) > MAX_EXTRA:
        problems["metadata"] = "The other members are too large."
    return problems


_RULES: tuple[Callable[[Registration], dict[str, str]], ...] = (
    _check_texts, _check_kind, _check_redirect_uris, _check_links, _check_contacts, _check_grants,
    _check_authentication, _check_keys, _check_scopes, _check_resources, _check_consent, _check_tokens,
    _check_rate_limit,
)  # fmt: skip


def _beyond_owner(wanted: Registration, owner_id: str | None, before: Registration | None) -> dict[str, str]:
    problems = {}
    for name, (harmless, text) in PRIVILEGES.items():
        if getattr(wanted, name) not in (harmless, getattr(before, name, harmless)):
            problems[name] = text
    own = {each.name for each in scopes.assignable_by(admin=False)} | set(before.scopes if before else ())
    if not set(wanted.scopes) <= own:
        problems["scopes"] = "Only an administrator can give some of these scopes."
    served = {each.identifier for each in resources.assignable_by(owner_id, admin=False)}
    if not set(wanted.resources) <= served | set(before.resources if before else ()):
        problems["resources"] = "You can choose public resources and your own."
    if wanted.kind == "resource_server" and before is None:
        problems["kind"] = "Only an administrator can register an API."
    if wanted.client_id:
        problems["client_id"] = "The client id is made by the server."
    return problems


def _check_rows(name: str, rows: Sequence[str], problem: Callable[[str], str | None]) -> dict[str, str]:
    if len(rows) > MAX_ROWS:
        return {name: f"At most {MAX_ROWS} are possible."}
    problems = {}
    for index, row in enumerate(rows):
        if found := problem(row):
            problems[f"{name}.{index}"] = found
        elif row in rows[:index]:
            problems[f"{name}.{index}"] = "This one is there twice."
    return problems


def _origin_problem(text: str) -> str | None:
    if found := redirect_uris.problem(text):
        return found
    return None if redirect_uris.origin(text) == text else "Enter scheme, host and port alone: https://app.example.com."


def _contact_problem(text: str) -> str | None:
    try:
        emails.normalise(text)
    except ValueError as error:
        return str(error)
    return None


def _fetch_problem(uri: str) -> str | None:
    """What is wrong with an address that this server would fetch (security.md C23); the guard judges it at each use."""
    try:
        outbound.check(uri)
    except outbound.Blocked as refused:
        return str(refused)
    return None


def _only_https(uris: Sequence[str]) -> bool:
    return all(uri.startswith("https://") for uri in uris)


def _plain(text: str) -> bool:
    return text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum()


def _guess_kind(wanted: Registration) -> str:
    if wanted.public or wanted.token_endpoint_auth_method == "none":
        return "spa" if wanted.redirect_uris and _only_https(wanted.redirect_uris) else "native"
    if wanted.redirect_uris or CODE in (wanted.grant_types or ()):
        return "web"
    return "resource_server" if wanted.resource_server_for or wanted.introspect_all else "machine"


def _public_from(values: dict[str, Any]) -> dict[str, Any]:
    """A document says `none` where a form says public; without a method RFC 7591 means basic (contract 11.9)."""
    if values.get("token_endpoint_auth_method") == "none":
        native = values.get("application_type") == "native"
        return values | {"public": True} | ({"kind": "native"} if native else {})
    return values


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError
    return tuple(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _scope(value: Any) -> tuple[str, ...]:
    return grammar.parse(_text(value))


def _no_constant(name: str) -> None:
    raise ValueError(name)


# RFC 7591 and OIDC registration names, then ours; each with the field it fills and the reader of its type.
_MEMBERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "client_name": ("name", _text),
    "client_uri": ("homepage", _text),
    "redirect_uris": ("redirect_uris", _texts),
    "post_logout_redirect_uris": ("post_logout_redirect_uris", _texts),
    "token_endpoint_auth_method": ("token_endpoint_auth_method", _text),
    "grant_types": ("grant_types", _texts),
    "response_types": ("response_types", _texts),
    "scope": ("scopes", _scope),
    "contacts": ("contacts", _texts),
    "policy_uri": ("policy_uri", _text),
    "tos_uri": ("tos_uri", _text),
    "jwks": ("jwks", _object),
    "jwks_uri": ("jwks_uri", _text),
    "jwt_reuse": ("jwt_reuse", _flag),
    "rate_limit": ("rate_limit", _text),
    "application_type": ("application_type", _text),
    "id_token_signed_response_alg": ("id_token_alg", _text),
    "description": ("description", _text),
    "allowed_cors_origins": ("allowed_cors_origins", _texts),
    "resources": ("resources", _texts),
    "access_token_format": ("access_token_format", _text),
    "access_token_ttl": ("access_token_ttl", _number),
    "require_pkce": ("require_pkce", _flag),
    "skip_consent": ("skip_consent", _flag),
    "introspect_all": ("introspect_all", _flag),
    "resource_server_for": ("resource_server_for", _texts),
}
# Made by the server: never taken over from a document.
_OURS = frozenset(
    {"client_id", "client_secret", "client_id_issued_at", "client_secret_expires_at", "registration_access_token",
     "registration_client_uri", "kind", "owner", "owner_id", "client_secret_hash"}
)  # fmt: skip
# A document that asks for protection gets it or a refusal, never less in silence.
_UNOFFERED = (
    "dpop_bound_access_tokens", "require_pushed_authorization_requests", "tls_client_certificate_bound_access_tokens",
    "require_signed_request_object", "userinfo_signed_response_alg", "userinfo_encrypted_response_alg",
    "id_token_encrypted_response_alg", "request_object_signing_alg", "token_endpoint_auth_signing_alg",
)  # fmt: skip
