"""What the credential of a call may give an app (contract 11.2)."""

from __future__ import annotations

from collections.abc import Iterable

from authserver.domain.access import scopes
from authserver.edge.api_call import Call
from authserver.errors import Invalid
from authserver.lib import scopes as grammar

MADE = "a client's secrets and keys"
"""What a restricted credential makes none of (decision 14)."""


def require_within(call: Call, names: Iterable[str], *, introspects: bool = False) -> None:
    """No credential makes, changes or renews one that can do more than itself (contract 11.2).

    What is about who somebody is can be left to people: nobody holds it without their consent. But for `account`: an
    app that acts for itself holds it without any, and reads with it where its owner signs in from. An API key reads
    that anyway. An app that may check every credential (`introspects`) can do what the scope `introspect` allows.
    """
    if introspects and not (call.is_admin or call.holder.has("introspect")):
        text = "This app may check every credential: changing it needs a credential that may do so, too."
        raise Invalid(text, problems={"introspect_all": text})
    known = scopes.all()
    asked = {name for name in names if name in known and (known[name].level != "identity" or name == scopes.ACCOUNT)}
    if not asked - _without_scope(call) <= call.holder.scopes:
        text = "A credential cannot give an app scopes that it lacks itself."
        raise Invalid(text, problems={"scope": f"{text} Ask for at most: {grammar.join(sorted(call.holder.scopes))}."})


def _without_scope(call: Call) -> frozenset[str]:
    """What the credential of a call may do although it is none of its scopes (contract 11.32)."""
    return frozenset({scopes.ACCOUNT}) if call.is_admin or call.holder.knows(scopes.ACCOUNT) else frozenset()
