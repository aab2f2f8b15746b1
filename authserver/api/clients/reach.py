"""What the credential of a call may give an app, and why it may not make one (contract 11.2, decision 14)."""

from __future__ import annotations

from collections.abc import Iterable

from authserver import config
from authserver.domain.access import scopes
from authserver.domain.api_keys import wishes as key_wishes
from authserver.domain.limits import rate_limits
from authserver.edge.api_call import Call
from authserver.errors import Denied, Invalid
from authserver.lib import scopes as grammar


def require_within(call: Call, names: Iterable[str], *, introspects: bool = False) -> None:
    """No credential makes, changes or renews one that can do more than itself (contract 11.2).

    What is about who somebody is can be left to people: nobody holds it without their consent. An app that may check
    every credential (`introspects`) can do what the scope `introspect` allows.
    """
    if introspects and not (call.is_admin or call.holder.has("introspect")):
        text = "This app may check every credential: changing it needs a credential that may do so, too."
        raise Invalid(text, problems={"introspect_all": text})
    known = scopes.all()
    beyond = [name for name in names if name in known and known[name].level != "identity"]
    if not set(beyond) <= call.holder.scopes:
        text = "A credential cannot give an app scopes that it lacks itself."
        raise Invalid(text, problems={"scope": f"{text} Ask for at most: {grammar.join(sorted(call.holder.scopes))}."})


def require_unrestricted(call: Call) -> None:
    """A client knows no networks and no end and has a limit of its own: a restriction would be lifted by making one.

    So decision 14 has it. Raises Denied, with a sentence that names the restriction.
    """
    holder, settings = call.holder, config.current()
    limits = (settings.rate_limit_oauth, settings.rate_limit_jwt)
    restriction = ""
    if holder.allowed_networks:
        restriction = f"works from {', '.join(holder.allowed_networks)} only"
    elif holder.own_limit and not all(rate_limits.within(each, holder.rate_limit) for each in limits):
        restriction = f"has a limit of its own, {holder.rate_limit}"
    elif holder.short_lived:
        restriction = f"was made for less than {key_wishes.SHORT_LIFE // key_wishes.DAY} days"
    if restriction:
        raise Denied(f"This credential {restriction}; a client's secrets and keys would know no such restriction.")
