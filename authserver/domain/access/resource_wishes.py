"""What an API may be called and how its tokens may look: judged before it is registered or changed (RFC 8707)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypedDict
from urllib.parse import SplitResult, unquote, urlsplit

from authserver import config
from authserver.domain.access import resource_scopes
from authserver.errors import Invalid
from authserver.lib import acr, hosts, quoting, redirect_uris

FORMATS = ("jwt", "opaque")
TTL = range(60, 86_401)
MAX_AGE = range(60, 2_592_001)
TYPS = ("at+jwt", "JWT")  # what the header of its JWTs says; some decoders know no other than JWT
ALGS = ("ES256", "RS256")
"""With what its JWTs may be signed: keys of these are always there, and RFC 9068 section 2.1 wants RS256 among them."""
_URN = re.compile(r"urn:[a-z0-9][a-z0-9-]{0,31}:[A-Za-z0-9._~:/@!$&'()*+,;=%-]+")


class Wish(TypedDict, total=False):
    """How the tokens for an API look, and its scopes; what is left out or None is as ResourceFacts says."""

    access_token_format: str | None
    access_token_typ: str | None
    access_token_ttl: int | None  # seconds
    access_token_alg: str | None
    open: bool
    open_rate_limit: str | None
    max_age: int | None  # seconds
    acr_values: str | None
    scopes: Sequence[str] | None


def require_valid(identifier: str, name: str, wish: Wish) -> None:
    """Raises Invalid with one sentence a field."""
    form, typ, seconds = (wish.get(each) for each in ("access_token_format", "access_token_typ", "access_token_ttl"))
    problems = {}
    if found := problem(identifier):
        problems["identifier"] = quoting.refused(identifier, found)
    if not 1 <= len(name.strip()) <= 100 or not name.isprintable():
        problems["name"] = "Enter a name of 1 to 100 characters."
    if form and form not in FORMATS:
        problems["access_token_format"] = "Choose JWT or opaque."
    if typ and typ not in TYPS:
        problems["access_token_typ"] = "Choose at+jwt or JWT."
    if (alg := wish.get("access_token_alg")) and alg not in ALGS:
        problems["access_token_alg"] = f"Choose {' or '.join(ALGS)}."
    if form == "opaque" and alg:
        problems["access_token_alg"] = "An opaque token is not signed. Choose JWT as the form, or nothing here."
    if form == "opaque" and kept_typ(typ):
        problems["access_token_typ"] = "An opaque token has no type. Choose JWT as the form, or at+jwt here."
    if seconds is not None and seconds not in TTL:
        problems["access_token_ttl"] = "Enter 60 to 86400 seconds, or nothing for as long as the app says."
    problems |= _of_sign_ins(wish)
    if (limit := wish.get("open_rate_limit")) and not config.is_rate_limit(limit):
        problems["open_rate_limit"] = quoting.refused(limit, "a limit looks like 100/hour.")
    if found := resource_scopes.check(wish.get("scopes") or ()):
        problems["scope"] = found
    if problems:
        raise Invalid("Check the resource.", problems=problems)


def _of_sign_ins(wish: Wish) -> dict[str, str]:
    """What is asked of a sign-in must be possible: else nobody's token would ever be good there (RFC 9470)."""
    problems, wanted = {}, (wish.get("acr_values") or "").split()
    if (seconds := wish.get("max_age")) is not None and seconds not in MAX_AGE:
        problems["max_age"] = "Enter 60 to 2592000 seconds, or nothing for a sign-in of any age."
    if not set(wanted).issubset(acr.ORDER):
        problems["acr_values"] = f"Choose of {', '.join(acr.ORDER)}."
    elif wanted and not acr.reachable(wanted):
        problems["acr_values"] = f"No sign-in here reaches that. Choose of {', '.join(acr.REACHABLE)}."
    return problems


def problem(identifier: str) -> str | None:
    """What is wrong with an identifier, in a sentence; None if nothing is (RFC 8707: absolute URI, no fragment)."""
    if len(identifier) > 500:
        return "An identifier may have at most 500 characters."
    if found := _problem_with_own(identifier):
        return found
    if _URN.fullmatch(identifier):
        return None
    return redirect_uris.problem(identifier)


def kept_typ(given: Any) -> Any:
    """A type as it is kept: what RFC 9068 says is no choice. What is none stays what it is, to be refused."""
    return None if given in (None, "", TYPS[0]) else given


def _problem_with_own(identifier: str) -> str | None:
    """What stands against an address of this server's own, however it is spelt."""
    given, issuer = urlsplit(identifier), urlsplit(config.current().issuer)
    if _host(given) != _host(issuer):
        return None
    base = issuer.path.rstrip("/")
    path = unquote(given.path).rstrip("/")
    if path in (base, f"{base}/v1") and not given.query:
        return "This is the address of this server itself; every app may ask for tokens for it."
    if f"{path}/".startswith((f"{base}/oauth/", f"{base}/.well-known/")):
        return "This address is this server's own: what an app signs for it must not be good anywhere else."
    return None


def _host(parts: SplitResult) -> tuple[str, str]:
    return parts.scheme, hosts.canonical(parts.netloc, parts.scheme)
