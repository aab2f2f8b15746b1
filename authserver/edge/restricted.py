"""Restricted credentials make nothing that outlives them: one rule for every maker of authority (contract 11.37)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from authserver import config
from authserver.domain.api_keys import wishes as key_wishes
from authserver.domain.clients import clients
from authserver.domain.limits import rate_limits
from authserver.edge.api_call import Call, Handler
from authserver.edge.bearer import Principal
from authserver.edge.exchange import Outgoing
from authserver.errors import Denied

Judge = Callable[[Call], bool]


def restriction(holder: Principal) -> str:
    """What restricts a credential, as the middle of a sentence; empty if nothing does (decision 14)."""
    settings = config.current()
    limits = (settings.rate_limit_oauth, settings.rate_limit_jwt)
    if holder.allowed_networks:
        return f"works from {', '.join(holder.allowed_networks)} only"
    if holder.own_limit and not all(rate_limits.within(each, holder.rate_limit) for each in limits):
        return f"has a limit of its own, {holder.rate_limit}"
    if holder.short_lived:
        return f"was made for less than {key_wishes.SHORT_LIFE // key_wishes.DAY} days"
    client = clients.find(holder.client_id) if holder.client_id and holder.owner_id is None else None
    if client is not None and client.shared:
        return "may be a former owner's of its app, for a day"
    return ""


def makes(what: str, when: Judge | None = None) -> Callable[[Handler], Handler]:
    """Mark a handler as one that makes authority, and refuse it to restricted credentials; Denied names why.

    `what` it makes would know no such restriction. `when` says for which calls it makes any; left out: for all.
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def guarded(call: Call) -> Outgoing:
            if (when is None or when(call)) and (why := restriction(call.holder)):
                raise Denied(f"This credential {why}; {what} would know no such restriction.")
            return handler(call)

        guarded.authority = "none while restricted"  # type: ignore[attr-defined]  # what the authority table reads
        return guarded

    return decorate


def for_developers(handler: Handler) -> Handler:
    """Mark a handler that makes apps, keys or webhooks, and refuse it to people who may make none (DEVELOPERS)."""

    @functools.wraps(handler)
    def guarded(call: Call) -> Outgoing:
        call.require_developer()
        return handler(call)

    guarded.for_developers = True  # type: ignore[attr-defined]  # a mark for the test
    return guarded


def makes_within(handler: Handler) -> Handler:
    """Mark a handler whose makings are held within their maker by the domain (decision 14)."""

    @functools.wraps(handler)
    def marked(call: Call) -> Outgoing:
        return handler(call)

    marked.authority = "within its maker"  # type: ignore[attr-defined]  # a mark for the test
    return marked


def authority_of(handler: Any) -> str:
    """How a handler makes authority: empty if it makes none."""
    return str(getattr(handler, "authority", ""))
