"""Scopes: what may be done, in the words people read. Data, changed by administrators and `authserver apply`."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, cast, delete, insert, select
from sqlalchemy.orm import Session

from authserver import database
from authserver.domain.access import leftovers
from authserver.domain.ground import cache, lists
from authserver.domain.record import audit
from authserver.errors import Conflict, Invalid, NotFound
from authserver.lib import quoting
from authserver.lib import scopes as grammar
from authserver.models import Client, PermissionLevel, Resource, Scope

LEVELS = ("identity", "read", "write", "full")
OFFLINE = "offline_access"
ACCOUNT = "account"
ADMIN = "admin"
PERSONAL = frozenset({ACCOUNT, "email", "profile", "phone", "address"})
"""What an app is told of a person only with their consent, and a key of theirs without."""
NAMING = frozenset({ACCOUNT, "keys:manage", "settings:manage", ADMIN})
"""What speaks of the account itself, whose ids are the same for everybody: not for an app with pairwise subjects."""
NONE = "(none is assigned to the app)"  # for its owner, where a refusal shows what it has
RESERVED = frozenset({"public", "account", "phone", "address", "groups", "roles", "org", "scim"})
"""Names of our own, some of them later ones: nobody makes a scope of such a name (contract 11.46)."""


@dataclass(frozen=True, slots=True)
class ScopeFacts:
    """One scope. `title` is the sentence on the consent page, `cannot` what it does not allow."""

    name: str
    title: str
    cannot: str = ""
    level: str = "read"
    resource: str | None = None
    self_service: bool = True
    admin_only: bool = False
    optional: bool = False
    builtin: bool = False
    position: int = 100

    @property
    def sentence(self) -> str:
        """The title under the name that templates use: a text's own `title` is a method there."""
        return self.title


BUILTIN = (
    ScopeFacts("openid", "Know that it is you", "It does not see your password.", "identity", position=10),
    ScopeFacts(
        "profile", "See your name and what your profile tells", "It cannot change your profile.", "identity",
        optional=True, position=20,
    ),
    ScopeFacts(
        "email", "See your email address", "It cannot read or send mail.", "identity",
        optional=True, position=30,
    ),
    ScopeFacts(
        "phone", "See your phone number", "It cannot call you or send messages by it.", "identity",
        optional=True, position=32,
    ),
    ScopeFacts(
        "address", "See your postal address", "It cannot see where you are.", "identity",
        optional=True, position=34,
    ),
    ScopeFacts(
        OFFLINE, "Keep access when you are not using the app", "It gains nothing beyond what you allow here.",
        "identity", position=40,
    ),
    ScopeFacts(
        ACCOUNT, "See where you are signed in, your connected apps and your usage, with addresses and browsers",
        "It cannot end or change any of them.", "identity", position=45,
    ),
    ScopeFacts("workflows:read", "See your workflows and their runs", "It cannot change or start them.", position=50),
    ScopeFacts("workflows:write", "Create and change your workflows", "It cannot delete them.", "write", position=60),
    ScopeFacts("workflows:delete", "Delete your workflows", "It cannot bring them back.", "full", position=70),
    ScopeFacts("analytics:read", "See your usage figures", "It cannot see inside your workflows.", position=80),
    ScopeFacts(
        "triggers:write", "Set what starts your workflows", "It cannot change what they do.", "write", position=90
    ),
    ScopeFacts(
        "integrations:write", "Connect other services to your account",
        "It cannot read the passwords you keep there.", "write", position=100,
    ),
    ScopeFacts(
        "keys:manage", "Create and revoke your API keys", "It cannot make a key that can do more than itself.", "full",
        position=110,
    ),
    ScopeFacts(
        "settings:manage", "Change your apps, webhooks and settings",
        "It cannot change your password or email address.", "full", position=120,
    ),
    ScopeFacts(
        "admin", "Administer the whole server, for everybody", "It cannot read passwords, keys or secrets.", "full",
        self_service=False, admin_only=True, position=130,
    ),
    ScopeFacts(
        "introspect", "Check tokens that other apps present", "It cannot use those tokens in your name.", "full",
        self_service=False, position=140,
    ),
)  # fmt: skip
TOLD = ("title", "cannot", "level", "resource", "self_service", "admin_only", "optional")


def all() -> dict[str, ScopeFacts]:
    """Every scope by its name, in the order people see them; cached."""
    return _cache.get("")


def known(names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that exist, in their order."""
    existing = all()
    return tuple(name for name in names if name in existing)


def held_by(role: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that exist and that a person of this role may hold (contract 11.1)."""
    existing = all()
    return tuple(name for name in names if name in existing and (role == "admin" or not existing[name].admin_only))


def assignable_by(*, admin: bool) -> tuple[ScopeFacts, ...]:
    """What a person may give to clients: self-service scopes; administrators: all (contract 11.3)."""
    return tuple(each for each in all().values() if admin or (each.self_service and not each.admin_only))


def seed(session: Session) -> None:
    """Put our own scopes in place; those that exist stay as an administrator left them."""
    existing = set(session.scalars(select(Scope.name)))
    if taken := sorted(session.scalars(select(Scope.name).where(Scope.name.in_(RESERVED), ~Scope.builtin))):
        raise Conflict(
            f"There is a scope {', '.join(taken)} of your own, and this version has one of its own under that name."
            " Delete yours with the version that you have, or give it another name, and migrate again."
        )
    missing = [dataclasses.asdict(each) | {"builtin": True} for each in BUILTIN if each.name not in existing]
    if missing:
        session.execute(insert(Scope), missing)
        cache.touch(session, "scopes")
        cache.touch(session, "clients")


def create(wanted: ScopeFacts) -> ScopeFacts:
    """Add a scope. Raises Invalid with one sentence a field, Conflict if the name is taken or reserved."""
    facts = _clean(wanted)
    if facts.name in RESERVED - all().keys():
        raise Conflict("This name is reserved for the server itself. Choose another one.", field="name")
    with database.transaction() as session:
        if session.get(Scope, facts.name) is not None:
            raise Conflict("There is already a scope with this name.", field="name")
        _require_resource(session, facts)
        session.add(Scope(**dataclasses.asdict(facts)))
        leftovers.forget_scopes(session, [facts.name])
        _touch(session)
        audit.record(session, "scope.created", target=f"scope:{facts.name}", **_told(facts))
    return facts


def update(wanted: ScopeFacts) -> ScopeFacts:
    """Change everything of a scope but its name. Raises Invalid, NotFound."""
    facts = _clean(wanted)
    with database.transaction() as session:
        row = _locked(session, facts.name)
        _require_resource(session, facts)
        before = _told(_facts(row))
        facts = dataclasses.replace(facts, builtin=row.builtin)
        if row.builtin and row.admin_only and not facts.admin_only:
            raise Invalid("This scope stays with administrators.", field="admin_only")
        for name, value in dataclasses.asdict(facts).items():
            setattr(row, name, value)
        _touch(session)
        audit.record(session, "scope.updated", target=f"scope:{facts.name}", before=before, after=_told(facts))
    return facts


def remove(name: str) -> None:
    """Delete a scope that is not ours and that nothing uses. Raises NotFound, Conflict."""
    with database.transaction() as session:
        row = _locked(session, name)
        if row.builtin:
            raise Conflict("This scope is built in. It can be changed, not deleted.")
        if users := _users_of(session, name):
            said = lists.in_words(users)
            raise Conflict(f"{said} apps or permission levels still have this scope. Take it away from them first.")
        leftovers.clear(session, name, leftovers.SCOPES)
        leftovers.clear(session, name, leftovers.OF_KEYS)
        leftovers.forget_scopes(session, [name])
        session.execute(delete(Scope).where(Scope.name == name))
        _touch(session)
        audit.record(session, "scope.deleted", target=f"scope:{name}")


def problem_with(names: Iterable[str]) -> str | None:
    """What is wrong with names of new scopes, in a sentence; None if nothing is."""
    existing = all()
    for name in names:
        if not _good_name(name):
            return quoting.refused(name, _NAME_RULE)
        if name in RESERVED - existing.keys():
            return f"{quoting.shown(name)} is reserved for the server itself. Choose another name."
    return None


@dataclass(frozen=True, slots=True)
class Usage:
    """How many apps have each scope; of many apps the COUNTED newest are looked at, and `everything` is False."""

    apps: Counter[str]
    everything: bool


def usage() -> Usage:
    """What the administrators' list says of apps."""
    newest = select(Client.scopes).where(Client.deleted_at.is_(None))
    newest = newest.order_by(Client.created_at.desc(), Client.id.desc()).limit(lists.COUNTED + 1)
    with database.reading() as session:
        found = session.scalars(newest).all()
    counted = Counter(name for names in found[: lists.COUNTED] for name in names)
    return Usage(counted, everything=len(found) <= lists.COUNTED)


def users_of(name: str) -> int:
    """How many apps and permission levels have a scope, as `lists.count` counts."""
    with database.reading() as session:
        return _users_of(session, name)


_NAME_RULE = 'A scope has 1 to 100 characters, without spaces, " and \\. An example is reports:read.'


def _clean(wanted: ScopeFacts) -> ScopeFacts:
    facts = dataclasses.replace(
        wanted,
        title=wanted.title.strip(),
        cannot=wanted.cannot.strip(),
        resource=wanted.resource or None,
        builtin=False,
    )
    problems = {}
    if not _good_name(facts.name):
        problems["name"] = quoting.refused(facts.name, _NAME_RULE)
    if not 1 <= len(facts.title) <= 200 or not facts.title.isprintable():
        problems["title"] = "Write the sentence that people read, in at most 200 characters."
    if len(facts.cannot) > 300 or not facts.cannot.isprintable():
        problems["cannot"] = "At most 300 characters in one line are possible."
    if facts.level not in LEVELS:
        problems["level"] = "Choose identity, read, write or full."
    if not 0 <= facts.position <= 10_000:
        problems["position"] = "Enter a number from 0 to 10000."
    if problems:
        raise Invalid("Check the scope.", problems=problems)
    # What only administrators can hold is never given away by owners.
    return dataclasses.replace(facts, self_service=facts.self_service and not facts.admin_only)


def _good_name(name: str) -> bool:
    try:
        return len(name) <= 100 and grammar.parse(name) == (name,)
    except ValueError:
        return False


def _require_resource(session: Session, facts: ScopeFacts) -> None:
    if facts.resource and session.get(Resource, facts.resource) is None:
        raise Invalid("There is no such resource.", field="resource")


def _users_of(session: Session, name: str) -> int:
    # The lists are JSON, in which a scope's name stands as it is. No index has it, and this is rare.
    having = cast(Client.scopes, Text).contains(f'"{name}"', autoescape=True)
    apps = lists.count(session, select(Client.id).where(Client.deleted_at.is_(None), having))
    levels = session.scalars(select(PermissionLevel.scopes))
    return min(apps + sum(name in names for names in levels), lists.COUNTED + 1)


def _locked(session: Session, name: str) -> Scope:
    row = session.scalar(select(Scope).where(Scope.name == name).with_for_update())
    if row is None:
        raise NotFound("There is no such scope.")
    return row


def _touch(session: Session) -> None:
    # What a client may have depends on its scopes' admin_only.
    cache.touch(session, "scopes")
    cache.touch(session, "clients")


def _facts(row: Scope) -> ScopeFacts:
    return ScopeFacts(**{field.name: getattr(row, field.name) for field in dataclasses.fields(ScopeFacts)})


def _told(facts: ScopeFacts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in TOLD}


def _load(_key: str) -> dict[str, ScopeFacts]:
    with database.autocommit() as connection:
        rows = connection.execute(select(Scope.__table__).order_by(Scope.position, Scope.name))
        return {row.name: ScopeFacts(**row._mapping) for row in rows}


_cache = cache.Cache[dict[str, ScopeFacts]]("scopes", _load, kept=True)
