"""Refusals of the API, the gateway and the demo API: one format, one table of codes (contract 6)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from authserver import config
from authserver.edge.exchange import Outgoing
from authserver.errors import Check, Conflict, Denied, DomainError, Invalid, NotFound, RateLimited, Unavailable
from authserver.lib import scopes as grammar
from authserver.observability import context

Headers = list[tuple[str, str]]
_CODES: dict[type[DomainError], str] = {
    Invalid: "VALIDATION_FAILED",
    NotFound: "NOT_FOUND",
    Denied: "INSUFFICIENT_PERMISSIONS",
    Conflict: "CONFLICT",
    RateLimited: "RATE_LIMIT_EXCEEDED",
    Unavailable: "TEMPORARILY_UNAVAILABLE",
}


# Every code that an answer may carry (contract 6), for the OpenAPI document.
CODES = (
    "MISSING_AUTHENTICATION", "INVALID_API_KEY", "INVALID_TOKEN", "INSUFFICIENT_USER_AUTHENTICATION",
    "INSUFFICIENT_PERMISSIONS", "SCOPE_INSUFFICIENT",
    "RATE_LIMIT_EXCEEDED", "INVALID_REQUEST", "NOT_FOUND", "CONFLICT", "VALIDATION_FAILED", "INTERNAL_ERROR",
    "TEMPORARILY_UNAVAILABLE",
)  # fmt: skip


class ApiError(Exception):
    """A refusal as a program reads it. No text repeats input; `headers` go out with it.

    `retry_after` is in seconds. `problems` maps the names of fields to sentences.
    `needed` are the scopes that would have been enough.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: str = "",
        *,
        headers: Iterable[tuple[str, str]] = (),
        retry_after: int | None = None,
        problems: dict[str, str] | None = None,
        needed: Iterable[str] = (),
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.details = status, code, message, details
        self.headers: Headers = list(headers)
        self.retry_after = retry_after
        self.problems = problems or {}
        self.needed = tuple(needed)
        self.checks: tuple[Check, ...] = ()  # what was looked at, for the owner of the credential alone


def respond(error: ApiError, headers: Iterable[tuple[str, str]] = ()) -> Outgoing:
    """The answer that says it; `headers` are more of them, such as those of the rate limit."""
    said: dict[str, object] = {"code": error.code, "message": error.message, "details": error.details}
    if error.problems:
        said["problems"] = error.problems
    if error.retry_after is not None:
        said["retry_after"] = error.retry_after
    said["request_id"] = context.current().request_id
    outgoing = Outgoing(error.status, json.dumps({"error": said}).encode(), [("Content-Type", "application/json")])
    outgoing.headers += [*error.headers, *headers]
    if error.retry_after is not None:
        outgoing.headers.append(("Retry-After", str(error.retry_after)))
    outgoing.log["error"] = error.code
    return outgoing


# 401 and 403, with the challenge of RFC 6750 section 3


def missing_authentication() -> ApiError:
    """401 without an error code in the challenge: nothing was sent that could be wrong."""
    return ApiError(
        401,
        "MISSING_AUTHENTICATION",
        "Authentication is needed.",
        "Send the header Authorization: Bearer with an API key, an access token or a JWT.",
        headers=[_challenge()],
    )


def invalid_api_key() -> ApiError:
    """401, the same for unknown, malformed, revoked, expired, and used from outside its networks."""
    return _unauthorized("INVALID_API_KEY", "The API key is not valid.", _BAD_KEY)


def invalid_token() -> ApiError:
    """401, the same for every access token and JWT that is not good here."""
    return _unauthorized("INVALID_TOKEN", "The token is not valid.", _BAD_TOKEN)


def insufficient_user_authentication(wanted: Mapping[str, str], *, by_key: bool) -> ApiError:
    """401 for a sign-in that is too old or too weak; `wanted` is what an authorization request sends (RFC 9470)."""
    message, sent = "The sign-in behind this credential is not enough.", " and ".join(map("=".join, wanted.items()))
    details = f"Have the person sign in again: send them to the authorization endpoint with {sent}."
    if by_key:
        details = "An API key stands for no sign-in. Send an access token of a person who signed in."
    text = f"{message} {details}"
    challenge = _challenge(error="insufficient_user_authentication", error_description=text, **wanted)
    return ApiError(401, "INSUFFICIENT_USER_AUTHENTICATION", message, details, headers=[challenge])


def insufficient_permissions(needed: Iterable[str]) -> ApiError:
    """403 for an API key whose level does not reach."""
    return _forbidden("INSUFFICIENT_PERMISSIONS", "The access level of this API key is too low.", needed)


def scope_insufficient(needed: Iterable[str]) -> ApiError:
    """403 for a token that lacks a scope."""
    return _forbidden("SCOPE_INSUFFICIENT", "The scope of this token is too small.", needed)


def unpassable(kind: str, details: str) -> ApiError:
    """403 for whatever credential: nothing could satisfy what is asked for; `details` says why."""
    code = "INSUFFICIENT_PERMISSIONS" if kind == "api_key" else "SCOPE_INSUFFICIENT"
    return _forbidden(code, "No credential may pass here.", (), details)


def denied(kind: str, refusal: DomainError) -> ApiError:
    """403 for what more scopes would not mend: the reason alone, under the code of the credential's kind."""
    code = "INSUFFICIENT_PERMISSIONS" if kind == "api_key" else "SCOPE_INSUFFICIENT"
    error = _forbidden(code, "This request is not allowed.", (), refusal.public)
    error.checks = refusal.checks or (Check("request", False, "one that is allowed", refusal.public),)
    return error


def _unauthorized(code: str, message: str, details: str) -> ApiError:
    challenge = _challenge(error="invalid_token", error_description=f"{message} {details}")
    return ApiError(401, code, message, details, headers=[challenge])


def _forbidden(code: str, message: str, needed: Iterable[str], details: str = "") -> ApiError:
    needed = tuple(needed)
    scope = grammar.join(needed)
    details = f"Needed: {scope}. {_REMEDIES[code]}" if scope else details
    challenge = _challenge(error="insufficient_scope", error_description=f"{message} {_safe(details)}", scope=scope)
    return ApiError(403, code, message, details, headers=[challenge], needed=needed)


_BAD_KEY = (
    "It is unknown, revoked, expired, mistyped or sent from a network that it is not for. Send one that is in use."
)
_BAD_TOKEN = "It is unknown, revoked, expired, used up or meant for another API. Get a new one for this API."
_REMEDIES = {
    "INSUFFICIENT_PERMISSIONS": "Use a key of a higher access level.",
    "SCOPE_INSUFFICIENT": "Ask for it when the token is made.",
}


def _safe(text: str) -> str:
    """A text as a challenge may hold it (RFC 6750 section 3)."""
    return "".join(sign if " " <= sign <= "~" and sign not in '"\\' else "'" for sign in text)


def _challenge(**members: str) -> tuple[str, str]:
    said = {"realm": config.current().slug} | {name: value for name, value in members.items() if value}
    return "WWW-Authenticate", "Bearer " + ", ".join(f'{name}="{value}"' for name, value in said.items())


def for_want_of(error: ApiError, needed: Iterable[str]) -> ApiError:
    """A 401, its challenge naming the scopes of a token that would do (RFC 6750 section 3): clients ask for no more."""
    scope = grammar.join(needed)
    if scope:
        error.headers = [
            (name, f'{value}, scope="{scope}"' if name == "WWW-Authenticate" else value)
            for name, value in error.headers
        ]
    return error


def point_to(outgoing: Outgoing, metadata_url: str) -> Outgoing:
    """The answer, its challenge saying where the resource is described (RFC 9728 section 5.1)."""
    outgoing.headers = [
        (name, f'{value}, resource_metadata="{metadata_url}"' if name == "WWW-Authenticate" else value)
        for name, value in outgoing.headers
    ]
    return outgoing


# Everything else


def rate_limited(details: str, retry_after: int) -> ApiError:
    """429; `retry_after` in seconds."""
    return ApiError(429, "RATE_LIMIT_EXCEEDED", "Too many requests.", details, retry_after=retry_after)


def invalid_request(details: str, *, status: int = 400) -> ApiError:
    """400 or one of its kin: the request itself is malformed."""
    return ApiError(status, "INVALID_REQUEST", "The request is malformed.", details)


def not_found() -> ApiError:
    """404 for a path that is none of ours."""
    return ApiError(404, "NOT_FOUND", "There is nothing here.", "The paths stand in /openapi.json.")


def method_not_allowed(methods: Iterable[str]) -> ApiError:
    """405, naming what is allowed."""
    allowed = ", ".join(sorted(methods))
    text = f"Only {allowed} is allowed here. Send the request so."
    return ApiError(405, "INVALID_REQUEST", text, headers=[("Allow", allowed)])


def internal_error() -> ApiError:
    """500: a fault of ours; the log knows more under the request id."""
    return ApiError(500, "INTERNAL_ERROR", "Something went wrong on our side.")


def translate(refusal: DomainError) -> ApiError:
    """A refusal of the domain as the API says it."""
    code = next((code for kind, code in _CODES.items() if isinstance(refusal, kind)), "INVALID_REQUEST")
    retry_after = getattr(refusal, "retry_after", None)
    problems = refusal.problems if isinstance(refusal, Invalid) else None
    error = ApiError(refusal.status, code, refusal.public, retry_after=retry_after, problems=problems)
    error.checks = refusal.checks
    return error
