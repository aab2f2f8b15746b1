"""Why a credential was refused, said by the code that refused it: its owner reads this, and no second judgement."""

from __future__ import annotations

from authserver.errors import Check
from authserver.lib import secrets
from authserver.observability import context

# What `lib.jwt` and the rules of clients' own JWTs refuse for: the check's name, and what would have been good.
_OF_JWT = {
    "algorithm not allowed here": ("algorithm", "an algorithm of this server's list that fits the key"),
    "header parameter not allowed": ("header", "none of crit, jwk, jku, x5c, x5u, zip: keys are registered"),
    "no kid": ("key (kid)", "a kid in the header that names a registered key"),
    "no key fits": ("key (kid)", "a kid that names a registered key of the client, and its algorithm"),
    "bad signature": ("signature", "made with the private half of the key that the kid names"),
    "no exp": ("expiry", "a time in epoch seconds"),
    "expired": ("expiry", "a time after now"),
    "not yet valid": ("not before (nbf)", "a time before now"),
    "issued in the future": ("clock", "a time at most 60 s ahead of this server's clock"),
    "lives too long": ("lifetime", "at most 3600 s from now"),
    "no iat": ("clock", "a time in epoch seconds"),
    "issued before the client's tokens were revoked": ("not revoked", "issued after all tokens of the client ended"),
    "the keys were a former owner's": ("key", "a key that the app's owner has put there"),
    "exp is not a time": ("expiry", "a time in epoch seconds"),
    "nbf is not a time": ("not before (nbf)", "a time in epoch seconds"),
    "iat is not a time": ("clock", "a time in epoch seconds"),
    "wrong typ": ("typ", "JWT, at+jwt, or none at all in the header of a client's own JWT"),
    "iss and sub are not one client": ("subject", "the client_id in both iss and sub"),
    "no such client": ("client", "an app that is enabled"),
    "the app is disabled": ("client", "an app that is enabled, and its owner, too"),
    "the app registered itself": ("kind of app", "one that somebody here registered: others act for people alone"),
    "wrong audience": ("audience", "this server's /v1, or a resource assigned to the client, and nothing else"),
    "scope beyond the client's": ("scope", "scopes that are assigned to the client"),
    "no jti": ("jti", "a random value of at most 255 characters"),
    "jti used before": ("jti", "present, and new at this verifier"),
    "too many single-use JWTs within an hour": ("single-use JWTs", "fewer new ones within the hour"),
}


KIND = ("kind of credential", "an access token, an API key or a JWT of a client")
"""Check and expectation of a credential that is for something else."""


def note(presented: str, check: str, expected: str, received: str) -> None:
    """Keep why this credential was refused, for the explanation of this request alone."""
    if context.current().request_id:
        context.current().refused_for = (secrets.digest(presented), Check(check, False, expected, received))


def note_check(presented: str, check: Check) -> None:
    """The same for a check as it was made."""
    note(presented, check.check, check.expected, check.received)


def note_jwt(presented: str, reason: str) -> None:
    """The same for a JWT, by the reason in the words of the rule that it broke; the JWT itself has the values."""
    check, expected = of_jwt(reason)
    note(presented, check, expected, reason.removeprefix(f"{check} "))


def of_jwt(reason: str) -> tuple[str, str]:
    """The check that a reason of `lib.jwt` is about, and what would have been good."""
    return _OF_JWT.get(reason, ("form", "a compact JWS that is signed, with the claims of RFC 7519"))


def in_words(said: Check) -> bool:
    """Whether a check that failed says a rule instead of the value that was received."""
    return any(said.received == reason.removeprefix(f"{said.check} ") for reason in _OF_JWT)


def of(presented: str) -> Check | None:
    """What was noted in this request about this credential."""
    digest, check = context.current().refused_for or (b"", None)
    return check if check is not None and secrets.equal(digest, secrets.digest(presented)) else None
