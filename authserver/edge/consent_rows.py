"""What a consent page shows of an app's wishes: a row for each scope, in the words people read (ux.md 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from werkzeug.datastructures import MultiDict

from authserver import config
from authserver.domain.access import resources, scopes
from authserver.domain.access.scopes import ScopeFacts
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import consents
from authserver.domain.people import standard_claims
from authserver.domain.people.users import User
from authserver.domain.tokens import issuance
from authserver.lib import durations

ICONS = {
    "openid": "user", "profile": "user", "email": "mail", "phone": "phone", "address": "home", scopes.OFFLINE: "clock",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list: a scope in the words people read."""

    name: str
    sentence: str
    cannot: str
    level: str
    icon: str
    value: str  # what will really be shared
    is_new: bool
    optional: bool


def of(kept: Sequence[str], asked: Sequence[str], client: ClientFacts, user: User) -> list[Row]:
    """The rows for the scopes that can be granted, `asked` being the resources they are asked for."""
    new = consents.new_scopes(user.id, client.id, asked, kept)
    values = _values(user)
    # Without openid there is no sign-in for the app (and no nonce, contract 11.44), so it is never a tick.
    fixed = {"openid", *client.required_scopes}
    rows = [
        Row(
            name=facts.name,
            sentence=facts.title,
            cannot=_limit(facts, values.get(facts.name, "")),
            level=facts.level,
            icon=ICONS.get(facts.name, ""),
            value=values.get(facts.name, ""),
            is_new=facts.name in new,
            optional=facts.name not in fixed and (facts.optional or facts.name in client.optional_scopes),
        )
        for facts in scopes.all().values()
        if facts.name in kept
    ]
    return sorted(rows, key=lambda row: row.name == scopes.OFFLINE)


def answered(rows: Sequence[Row], client: ClientFacts, posted: MultiDict[str, str]) -> tuple[list[str], str]:
    """The scopes that a form allows, or the sentence with which the page is shown again: nobody allows what they did
    not read.
    """
    if posted.get("version", str(client.version)) != str(client.version):
        # Else what somebody unticked could be made a fixed row before they press the button.
        return [], "The app changed while you were reading. Look again."
    named = shown(rows)
    if not set(named.split()) <= set(posted.get("shown", named).split()):
        # A role that the person got meanwhile, or a scope that was made no tick.
        return [], "What the app may get has changed. Look again."
    ticked = set(posted.getlist("scope"))
    allowed = [row.name for row in rows if not row.optional or row.name in ticked]
    return allowed, "Tick at least one thing, or choose Cancel." if rows and not allowed else ""


def shown(rows: Sequence[Row]) -> str:
    """What a page asked for: the scopes, and which of them are ticks."""
    return " ".join(f"{row.name}{'?' if row.optional else ''}" for row in rows)


def grouped(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """The rows by the API they belong to; what belongs to none comes first, without a heading."""
    known = scopes.all()
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(known[row.name].resource or "", []).append(row)
    return [(names([key])[0] if key else "", found[key]) for key in sorted(found)]


def names(identifiers: Sequence[str]) -> list[str]:
    """What people call these APIs."""
    registered = resources.all()
    own = resources.own_names()
    return [registered[each].name if each in registered else own.get(each, each) for each in identifiers]


def document_host(client: ClientFacts) -> str:
    """The host whose document describes an app, which is what is sure of it; empty for one that is registered."""
    return urlsplit(client.document_url or "").hostname or ""


def lasting(client: ClientFacts, asked: Sequence[str]) -> str:
    """How long access lasts unless the app renews it; where it can, after the last renewal."""
    settings = config.current()
    if client.may_use("refresh_token"):
        return _span(settings.refresh_token_idle_ttl)
    return _span(issuance.lifetime(client, tuple(asked)))


def initials(name: str) -> str:
    """Two letters that stand for an app without a picture."""
    return "".join(word[0] for word in name.split()[:2]).upper()


def _values(user: User) -> dict[str, str]:
    """The data that each scope shares, as they are: what a person did not fill in is not told."""
    told = {name: text for name, text in user.standard_claims.items() if name in standard_claims.LABELS}
    about = [f"{standard_claims.LABELS[name]} {text}" for name, text in told.items() if name != "phone_number"]
    return {
        "profile": " · ".join(each for each in (user.name, user.username, *about) if each),
        "email": user.email,
        "phone": told.get("phone_number", ""),
        "address": standard_claims.formatted(user.standard_claims.get("address", {})).replace("\n", ", "),
    }


def _limit(facts: ScopeFacts, value: str) -> str:
    """What stands below the sentence; the value itself says enough."""
    if facts.name != scopes.OFFLINE:
        return "" if value else facts.cannot
    return f"For up to {_span(config.current().refresh_token_idle_ttl)} after the last use. Revoke it any time."


def _span(seconds: int) -> str:
    return durations.ago(0, seconds).removesuffix(" ago") if seconds >= durations.MINUTE else f"{seconds} seconds"
