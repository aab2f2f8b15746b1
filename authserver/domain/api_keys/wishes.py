"""What a new API key is to be, and why a credential makes none that is stronger than itself (decision 14)."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from authserver import config
from authserver.domain.access import permissions, scopes
from authserver.domain.limits import rate_limits
from authserver.errors import Invalid
from authserver.lib import clock, durations, networks, quoting

DAY = 86_400
DEFAULT_LIFETIME = 90 * DAY
MAX_LIFETIME = 3650 * DAY
# A key that was made for less than this was meant to end: what it makes ends with it.
SHORT_LIFE = 30 * DAY
# Between the moment a life is counted from and the one a key is made, a second may have passed; the end is cut then.
LEEWAY = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants a new key to be; `expires_in` in seconds, None for never."""

    name: str
    permission: str
    expires_in: int | None = DEFAULT_LIFETIME
    note: str = ""
    allowed_networks: tuple[str, ...] = ()
    rate_limit: str | None = None


@dataclass(frozen=True, slots=True)
class Maker:
    """The credential that asks for a key: its scopes, limit, networks (none: from anywhere) and end.

    `own_limit` says that `rate_limit` was given to it; else it is the server's. `expires_at` (epoch seconds) is set for
    a restricted key alone: the usual 90 days are a habit, and an access token's hour is nobody's choice. `counted_with`
    is the bucket of a credential whose limit is below the server's: what it makes counts with it, or many keys would
    have many times its limit. `knows` is what of `scopes.PERSONAL` it may be told of its person; None: everything, as
    their own keys are, and administrators.
    """

    scopes: frozenset[str]
    rate_limit: str
    own_limit: bool = False
    allowed_networks: tuple[str, ...] = ()
    expires_at: int | None = None
    counted_with: str = ""
    knows: frozenset[str] | None = None


def inherited(maker: Maker, wish: Wish, given: Collection[str]) -> Wish:
    """The wish with what was not `given` (names of its fields) taken from the maker, where that is narrower."""
    limit, allowed, life = wish.rate_limit, wish.allowed_networks, wish.expires_in
    if limit is None and maker.own_limit and is_below_ours(maker.rate_limit):
        limit = maker.rate_limit
    if "allowed_networks" not in given:
        allowed = maker.allowed_networks
    if "expires_in" not in given and maker.expires_at is not None:
        life = max(1, min(DEFAULT_LIFETIME, maker.expires_at - clock.now()))
    return dataclasses.replace(wish, rate_limit=limit, allowed_networks=allowed, expires_in=life)


def is_strong(permission: str, lifetime: int | None) -> bool:
    """Whether a key does everything, or lives (seconds, None for ever) longer than the usual: worth a fresh proof."""
    return lifetime is None or lifetime > DEFAULT_LIFETIME or _manages(permission)


def _manages(permission: str) -> bool:
    """By what the level holds now: administrators may give each more than its name says."""
    known = scopes.all()
    held = next((each.scopes for each in permissions.all() if each.name == permission), ())
    return permission == permissions.FULL_ACCESS or any(
        each in scopes.NAMING or known[each].level == "full" for each in held if each in known
    )


BOUNDED = ("rate_limit", "allowed_networks", "expires_in")


def require_within(maker: Maker, wish: Wish, fields: Collection[str] = BOUNDED) -> None:
    """Raise Invalid, with a sentence per field that names both sides, for a key that is stronger than its maker.

    `fields` are those that are looked at.
    """
    ends = None if wish.expires_in is None else clock.now() + wish.expires_in
    problems = {
        "rate_limit": limit_problem(maker, wish.rate_limit),
        "allowed_networks": networks_problem(maker, wish.allowed_networks),
        "expires_in": end_problem(maker, ends),
    }
    found = {field: text for field, text in problems.items() if text and field in fields}
    if found:
        raise Invalid(next(iter(found.values())), "a key beyond its maker", problems=found)


def limit_problem(maker: Maker, limit: str | None) -> str:
    """Why this limit (None: the server's) is beyond the maker's; empty if it is not."""
    if limit is None and not maker.own_limit:
        return ""
    # An administrator whose credential nobody restricted may go beyond the server's own limit.
    if not maker.own_limit and "admin" in maker.scopes:
        return ""
    asked = limit or _ours()
    if rate_limits.within(asked, maker.rate_limit):
        return _window_problem(maker, asked)
    return f"This credential may send {maker.rate_limit}, so it cannot give a key {asked}."


def _window_problem(maker: Maker, asked: str) -> str:
    # One bucket has one window: another length would begin it anew.
    if not maker.counted_with or rate_limits.parsed(asked)[1] == rate_limits.parsed(maker.rate_limit)[1]:
        return ""
    return (
        f"What this credential makes counts with it, whose limit is {maker.rate_limit}: {asked} has another window."
        " Choose a number for the same one."
    )


def is_below_ours(limit: str) -> bool:
    """Whether a limit is below the server's own for keys, so that it restricts."""
    return not rate_limits.within(_ours(), limit)


def networks_problem(maker: Maker, wanted: Collection[str]) -> str:
    """Why these networks are not inside the maker's; empty if they are."""
    if not maker.allowed_networks:
        return ""
    own = ", ".join(maker.allowed_networks)
    outer = networks.parse(own)
    beyond = [text for text in wanted if not all(networks.inside(each, outer) for each in networks.parse(text))]
    if wanted and not beyond:
        return ""
    said = ", ".join(quoting.shown(text) for text in beyond) or "any address"
    return f"This credential works from {own} only, so it cannot make a key that works from {said}."


def end_problem(maker: Maker, ends: int | None) -> str:
    """Why a key may not last until then (epoch seconds, None for ever); empty if it may."""
    if maker.expires_at is None or (ends is not None and ends <= maker.expires_at + LEEWAY):
        return ""
    until = "for ever" if ends is None else f"until {durations.iso(ends)}"
    return f"This credential ends at {durations.iso(maker.expires_at)}, so it cannot make a key that lasts {until}."


def _ours() -> str:
    return config.current().rate_limit_api_key


def validate(wish: Wish, *, beyond: bool = True) -> None:
    """Raise Invalid, with a sentence per field, for a key that nobody could have; see `keys.set_limit` for `beyond`."""
    problems = _problems(wish, beyond=beyond)
    if problems:
        raise Invalid(next(iter(problems.values())), "a key's form has errors", problems=problems)


def network_problem(text: str) -> str:
    """Why this is no network, in a sentence; empty if it is one, or nothing at all."""
    try:
        networks.parse(text)
    except ValueError:
        return f"{quoting.shown(text)} is not a network. Example: 10.0.0.0/24."
    return ""


def _problems(wish: Wish, *, beyond: bool) -> dict[str, str]:
    problems: dict[str, str] = {}
    if not wish.name.strip():
        problems["name"] = "Name this key so you can recognise it later."
    elif len(wish.name) > 100 or not wish.name.isprintable():
        problems["name"] = "Use at most 100 printable characters."
    if len(wish.note) > 300 or not wish.note.replace("\n", "").replace("\r", "").isprintable():
        problems["note"] = "Use at most 300 printable characters."
    if wish.expires_in is not None and not 1 <= wish.expires_in <= MAX_LIFETIME:
        problems["expires_in"] = "Choose a life between one second and ten years, or never."
    for text in wish.allowed_networks:
        if problem := network_problem(text):
            problems["allowed_networks"] = problem
    if len(wish.allowed_networks) > 50:
        problems["allowed_networks"] = "List at most 50 networks."
    if problem := unusable_limit(wish.rate_limit, beyond=beyond):
        problems["rate_limit"] = problem
    if wish.permission not in {level.name for level in permissions.all()}:
        problems["permission"] = "Choose an access level."
    return problems


def unusable_limit(limit: str | None, *, beyond: bool) -> str:
    """Why no key can have this limit, in a sentence; empty if one can. `beyond` as for `keys.set_limit`."""
    if limit is None:
        return ""
    if not config.is_rate_limit(limit):
        return quoting.refused(limit, "a limit looks like 1000/hour.")
    ours = config.current().rate_limit_api_key
    if not beyond and not rate_limits.within(limit, ours):
        return f"Only an administrator can give a key more than {ours}, whatever the window: {limit} is more."
    return ""
