"""What the successor of a rotated API key may be."""

from __future__ import annotations

import dataclasses

from authserver.domain.api_keys import wishes as key_wishes
from authserver.domain.api_keys.wishes import Maker, Wish
from authserver.lib import clock
from authserver.lib import scopes as grammar
from authserver.models import ApiKey


def wish_of(row: ApiKey) -> Wish:
    """What would have to be asked for to get this key."""
    lifetime = None if row.expires_at is None else max(1, row.expires_at - row.created_at)
    return Wish(row.name, row.permission, lifetime, row.note, tuple(row.allowed_networks), row.rate_limit)


def wish(old: ApiKey, maker: Maker | None) -> Wish:
    """What the next key may be: as the old one, and within its maker. Raises what `wishes.require_within` does."""
    same = wish_of(old)
    lifetime = same.expires_in
    if maker is None:
        return same
    now = clock.now()
    left = None if old.expires_at is None else old.expires_at - now
    key_wishes.require_within(maker, dataclasses.replace(same, expires_in=left))
    if maker.expires_at is None or lifetime is None:
        return same
    return dataclasses.replace(same, expires_in=max(1, min(lifetime, maker.expires_at - now)))


def known_to_both(one: str | None, other: str | None) -> str | None:
    """The scopes whose claims both may tell; None is all."""
    if one is None or other is None:
        return other if one is None else one
    return grammar.join(sorted({*one.split()} & {*other.split()}))


def held_by_both(one: list[str] | None, other: list[str] | None) -> list[str] | None:
    """The scopes within which both are kept; None is all."""
    if one is None or other is None:
        return other if one is None else one
    return [each for each in one if each in other]
