"""Roles of people, as data: what each is called and adds, and who may make things for apps (contract 2, DEVELOPERS).

A role is judged when it is used, never when it was given: who lost it makes nothing more from that request on.
"""

from __future__ import annotations

from dataclasses import dataclass

from authserver import config
from authserver.errors import Conflict, Denied, Invalid

USER, DEVELOPER, ADMIN = "user", "developer", "admin"


@dataclass(frozen=True, slots=True)
class Role:
    """What a role is called, what it lets a person do, and its icon on pages."""

    title: str
    hint: str
    icon: str


ROLES = {
    USER: Role("User", "Signs in and looks after what apps may do in their name.", "user"),
    DEVELOPER: Role("Developer", "Also has apps, API keys and webhooks of their own.", "app"),
    ADMIN: Role("Administrator", "Also sees and changes everybody's accounts, apps, scopes and keys.", "shield"),
}
# By the setting `developers`: the roles that may register apps, make keys and webhooks, and the end of a sentence.
_MAY = {
    "everybody": (frozenset(ROLES), "everybody"),
    "developers": (frozenset({DEVELOPER, ADMIN}), "developers and administrators"),
    "admins": (frozenset({ADMIN}), "administrators"),
}


def check(role: str) -> None:
    """Raises Invalid for what is no role."""
    if role not in ROLES:
        raise Invalid("A role is user, developer or admin.", field="role")


def may_develop(role: str) -> bool:
    """Whether people of this role register apps and make keys and webhooks here."""
    return role in _MAY[config.current().developers][0]


def require_developer(role: str) -> None:
    """Raises Denied, with whom to ask, for a role that makes no apps, keys and webhooks here."""
    if not may_develop(role):
        raise Denied(
            f"Here {_who()} register apps and make keys and webhooks. Ask an administrator for the role developer."
            if config.current().developers == "developers"
            else f"Here {_who()} alone register apps and make keys and webhooks. Ask one of them."
        )


def require_can_own(role: str) -> None:
    """Raises Conflict where an app is to become the property of somebody who could register none."""
    if not may_develop(role):
        raise Conflict(f"Here {_who()} alone have apps, and this person is none of them.", field="owner")


def _who() -> str:
    return _MAY[config.current().developers][1]
