"""What an authorization request may say (RFC 6749 section 4.1.1, RFC 7636, 8707, 9207, OIDC Core 3.1.2.1)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from authserver.domain.access import resources, scopes
from authserver.domain.authorization import code_protection
from authserver.domain.authorization.code_protection import Needed
from authserver.domain.authorization.requests import Asked, Destination
from authserver.domain.clients import clients
from authserver.domain.clients.facts import ClientFacts
from authserver.errors import Check
from authserver.lib import pkce, redirect_uris
from authserver.lib import scopes as grammar
from authserver.oauth import authentication_request, prompt
from authserver.oauth.authorization_parameters import Parameters, Untrusted, read

# Where the answer may stand (OAuth 2.0 Multiple Response Types 1.0, section 2.1; Form Post Response Mode 1.0).
RESPONSE_MODES = ("query", "fragment", "form_post")
# Characters; a state of 8 kB passes whole, whatever it holds.
MAX_STATE = 16_384
MAX_RESOURCES = 10
# What we don't do is refused by name, not ignored (OIDC Core 3.1.2.6).
UNSUPPORTED = {"registration": "registration_not_supported"}


@dataclass(frozen=True, slots=True)
class Sender:
    """The verified half of a request: who asks, and where the answer goes."""

    client: ClientFacts
    to: Destination
    redirect_uri_sent: bool


def claimed(raw: bytes | str, content_type: str | None) -> ClientFacts | None:
    """The app that a request says it comes from, for its owner's explanation alone."""
    with contextlib.suppress(Untrusted):
        client_id = read(raw, content_type).get("client_id") or ""
        return clients.named(client_id)
    return None


def identify(sent: Parameters) -> Sender:
    """Who asks and where to. Raises Untrusted until both are beyond doubt, for every kind of error (class C1)."""
    client = client_of(sent)
    redirect_uri = _redirect_uri(sent, client)
    mode = sent.get("response_mode") or "query"
    silent = prompt.is_silent(sent.get("prompt"))
    to = Destination(
        client.id,
        redirect_uri or client.redirect_uris[0],
        mode if mode in _modes(client) else "query",
        sent.get("state"),
        bounces=not client.self_registered or silent,
        vouched=client.vouched or silent,
    )
    return Sender(client, to, redirect_uri is not None)


def judge(sent: Parameters, sender: Sender) -> Asked:
    """The request, if it keeps every rule. Raises Refusal, which the app reads at its redirect URI."""
    client, to = sender.client, sender.to
    _require_supported(sent, to)
    _require_code_flow(sent, client, to)
    names = _scopes(sent, client, to)
    return Asked(
        destination=to,
        redirect_uri_sent=sender.redirect_uri_sent,
        scopes=names,
        scope_asked=sent.get("scope") is not None,
        resources=_resources(sent, client, to),
        code_challenge=_code_challenge(sent, client, to, names),
        **authentication_request.judge(sent, client, to, names),
    )


def client_of(sent: Parameters) -> ClientFacts:
    """Who asks. Raises Untrusted."""
    client_id = sent.get("client_id")
    if client_id is None:
        problem = "was sent more than once" if "client_id" in sent.repeated else "is missing"
        raise Untrusted(f"The parameter client_id {problem}.", parameter="client_id")
    client = clients.named(client_id)
    if client is None or client.deleted_at is not None:
        raise Untrusted("There is no app with this client_id.", parameter="client_id", received=client_id)
    if client.owner_disabled:
        stopped = "This app is stopped, because the account of its owner is disabled or deleted."
        check = Check("client", False, "enabled", "the account of its owner is disabled or deleted")
        raise Untrusted(stopped, parameter="client_id", received=client_id, client=client, check=check)
    if client.disabled_at is not None:
        raise Untrusted(
            "This app is disabled.", parameter="client_id", received=client_id, client=client,
            check=Check("client", False, "enabled", "disabled"),
        )  # fmt: skip
    return client


def _redirect_uri(sent: Parameters, client: ClientFacts) -> str | None:
    """The verified redirect URI, or None where the only registered one is meant (trap T13)."""
    received = sent.get("redirect_uri")
    if received is None:
        _require_only_one(sent, client)
        return None
    if not redirect_uris.matches(received, client.redirect_uris, native=client.native):
        raise Untrusted(
            "The redirect_uri is not registered for this app. It must match exactly, character by character.",
            parameter="redirect_uri",
            expected=client.redirect_uris,
            received=received,
            client=client,
        )
    return received


def _require_only_one(sent: Parameters, client: ClientFacts) -> None:
    if "redirect_uri" in sent.repeated:
        text, check = "The parameter redirect_uri was sent more than once.", _repeated(["redirect_uri"])
        raise Untrusted(text, parameter="redirect_uri", client=client, check=check)
    if not client.redirect_uris:
        check = Check("registered redirect URIs", False, "at least one", "none")
        raise Untrusted("This app has no redirect URI.", parameter="redirect_uri", client=client, check=check)
    openid = any("openid" in value.split(" ") for value in sent.values.get("scope", ()))
    if len(client.redirect_uris) > 1 or openid:
        raise Untrusted(
            "The parameter redirect_uri is missing.",
            parameter="redirect_uri",
            expected=client.redirect_uris,
            client=client,
        )


def _modes(client: ClientFacts) -> Sequence[str]:
    return [mode for mode in RESPONSE_MODES if not client.response_modes or mode in client.response_modes]


def _require_supported(sent: Parameters, to: Destination) -> None:
    if sent.repeated:
        raise to.refuse(
            "invalid_request",
            "A parameter was sent more than once. Send each one once; only resource may be repeated.",
            _repeated(sent.repeated),
        )
    if to.state and len(to.state) > MAX_STATE:
        raise to.refuse(
            "invalid_request",
            f"The state is longer than {MAX_STATE} characters. Keep what it holds in the session instead.",
            _too_long("state", to.state, MAX_STATE),
        )
    for name, error in UNSUPPORTED.items():
        if sent.get(name):
            text = f"The parameter {name} is not supported. Send the parameters themselves in the request."
            raise to.refuse(error, text, Check(name.replace("_", " "), False, "not sent", "sent"))


def _require_code_flow(sent: Parameters, client: ClientFacts, to: Destination) -> None:
    mode = sent.get("response_mode")
    if mode is not None and mode not in _modes(client):
        text = "The response_mode is not supported. Leave it out, or send one that the app is registered for."
        raise to.refuse("invalid_request", text, Check("response mode", False, " or ".join(_modes(client)), mode))
    kind = sent.get("response_type")
    if kind is None:
        text = "The parameter response_type is missing. Send response_type=code."
        raise to.refuse("invalid_request", text, Check("response type", False, "code", "(nothing)"))
    if kind != "code":
        text = "The only response_type is code. Set the app to the authorization code flow, not implicit or hybrid."
        raise to.refuse("unsupported_response_type", text, Check("response type", False, "code", kind))
    if not client.may_use("authorization_code"):
        text, granted = (
            "The app is not registered for the grant authorization_code. Add it to the app.",
            " or ".join(client.grant_types),
        )
        raise to.refuse("unauthorized_client", text, Check("grant", False, granted, "authorization_code"))


def _scopes(sent: Parameters, client: ClientFacts, to: Destination) -> tuple[str, ...]:
    """What was asked and is assigned; unknown scopes are dropped (RFC 6749 section 3.3)."""
    try:
        asked = grammar.parse(sent.get("scope"))
    except ValueError as error:
        text = "The scope is malformed. Send names with single spaces between them."
        wrong = Check("form of scope", False, "names with single spaces between them", str(error))
        raise to.refuse("invalid_scope", text, wrong) from None
    kept = tuple(name for name in scopes.known(asked or client.default_scopes) if name in client.scopes)
    if not client.may_use("refresh_token"):  # OIDC Core section 11: ignored where it can't be kept
        kept = tuple(name for name in kept if name != scopes.OFFLINE)
    if asked and not kept:
        text, assigned = (
            "None of the requested scopes is assigned to this client. Allow one in the app, or ask for another scope.",
            grammar.join(client.scopes) or scopes.NONE,
        )
        raise to.refuse("invalid_scope", text, Check("scope", False, assigned, grammar.join(asked)))
    return kept


def _resources(sent: Parameters, client: ClientFacts, to: Destination) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(sent.values.get("resource", ())))
    own = resources.own()
    if len(asked) > MAX_RESOURCES:
        text = f"There may be at most {MAX_RESOURCES} values of resource. Ask for fewer at a time."
        many = Check("number of resources", False, f"at most {MAX_RESOURCES}", str(len(asked)))
        raise to.refuse("invalid_target", text, many)
    # Only what the client was assigned is looked up: a stranger's made-up resource costs no look at the database.
    if any(each not in own and (each not in client.resources or resources.find(each) is None) for each in asked):
        text, good = (
            "A requested resource is unknown or not assigned to this client. Assign it to the app, or leave it out.",
            (*own, *client.resources),
        )
        raise to.refuse("invalid_target", text, Check("resource", False, " or ".join(good), " ".join(asked)))
    return asked


def _code_challenge(sent: Parameters, client: ClientFacts, to: Destination, names: Sequence[str]) -> str | None:
    challenge, method = sent.get("code_challenge"), sent.get("code_challenge_method")
    if challenge is None:
        _require_protected_otherwise(sent, client, to, names)
        return None
    if method != "S256":  # left out it would mean plain
        text, said = (
            "The code_challenge_method must be S256. Send it: left out it means plain, which is not accepted.",
            method or "(nothing, which means plain)",
        )
        raise to.refuse("invalid_request", text, Check("PKCE method", False, "S256", said))
    if not pkce.valid_challenge(challenge):
        text = "The code_challenge is not 43 characters of base64url. Send the SHA-256 hash of the code_verifier so."
        said = f"{len(challenge)} characters"
        raise to.refuse("invalid_request", text, Check("code challenge", False, "43 characters of base64url", said))
    return challenge


def _require_protected_otherwise(sent: Parameters, client: ClientFacts, to: Destination, names: Sequence[str]) -> None:
    """Without a challenge a nonce can do, if an ID token brings it back. Half a challenge is always a mistake."""
    needed = code_protection.needed(client)
    if sent.get("code_challenge_method") is not None:
        text = "The parameter code_challenge is missing, although code_challenge_method was sent (RFC 7636). Send both."
        raise to.refuse("invalid_request", text, Check("code challenge", False, "43 characters", "(nothing)"))
    if needed is Needed.PKCE:
        text = "The parameter code_challenge is missing (RFC 7636). Send it with code_challenge_method=S256."
        raise to.refuse("invalid_request", text, Check("code challenge", False, "43 characters", "(nothing)"))
    if needed is Needed.PKCE_OR_NONCE and not ("openid" in names and sent.get("nonce")):
        raise to.refuse("invalid_request", _NEITHER, *_neither(sent, names))


_NEITHER = (
    "The parameter code_challenge is missing (RFC 7636). Turn PKCE with S256 on in the app,"
    " or send a nonce with the scope openid."
)


def _neither(sent: Parameters, names: Sequence[str]) -> tuple[Check, ...]:
    return (
        Check("code challenge", False, "43 characters, or a nonce with the scope openid", "(nothing)"),
        Check("nonce", bool(sent.get("nonce")), "a random value", "sent" if sent.get("nonce") else "(nothing)"),
        Check("scope", "openid" in names, "openid, for a nonce to count", grammar.join(names) or "(nothing)"),
    )


def _too_long(name: str, value: str, limit: int) -> Check:
    return Check(name, False, f"at most {limit} characters", f"{len(value)} characters")


def _repeated(names: Iterable[str]) -> Check:
    return Check("parameters", False, "each one once", f"more than once: {', '.join(sorted(names))}")
