"""Usernames: what applications take for an account's name, so nobody gets one that is or was somebody else's."""

from __future__ import annotations

import re

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from authserver import keyring
from authserver.errors import Conflict, Invalid
from authserver.lib import emails, sealing, secrets
from authserver.models import UsedUsername, User

_PLAIN = re.compile(r"[a-z0-9._-]{1,64}")
_OTHERS = re.compile(r"[^a-z0-9._-]+")
_LABEL = "usernames"
# Names that software, mail systems or people take for an authority, and two that are paths.
RESERVED = frozenset(
    """
    . .. abuse adm admin administrator administrators anonymous api auth backup bin bot daemon everybody everyone ftp
    git guest help helpdesk hostmaster info login mail mailer-daemon me moderator news no-reply nobody noreply null
    oauth official operator owner postgres postmaster root security self service shutdown ssh sshd staff sudo
    superuser support sync sys sysadmin system team undefined user usenet webmaster wheel www www-data
    """.split()  # noqa: SIM905  # a list of sixty words reads better as text
)


def clean(text: str) -> str:
    """A username as it is kept: lower case. Raises Invalid with what one looks like."""
    name = text.strip(" ").lower()
    if "@" in name:
        try:
            name = emails.normalise(name)
        except ValueError as error:
            raise Invalid(str(error), "no email address", field="username") from None
    elif not _PLAIN.fullmatch(name):
        raise Invalid("A username has 1 to 64 letters a-z, digits, dots, - and _; or it is an email.", field="username")
    if name in RESERVED:
        raise Invalid("This username is reserved: it reads like an authority.", field="username")
    return name


def made_for(session: Session, email: str) -> str:
    """For somebody whom an administrator adds: what stands before the @, with -2, -3 where that is or was another's.

    A reserved one is not numbered: `admin-2` would read like an authority, too. Then it is the whole address.
    """
    base = _OTHERS.sub("-", email.rpartition("@")[0].lower()).strip(".-_")[:58]
    if not base or base in RESERVED:
        return for_own_sign_up(session, email)
    for number in range(1, 1000):
        name = base if number == 1 else f"{base}-{number}"
        if _free(session, name):
            return name
    return for_own_sign_up(session, email)


def for_own_sign_up(session: Session, email: str) -> str:
    """For who comes by themselves: the whole address, which nobody else can choose; a random one if that was used."""
    return email if _free(session, email) else f"user-{secrets.random_id('')[:10].lower()}"


def reserve(session: Session, name: str, user_id: str) -> str:
    """A cleaned name that this person may have. Raises Conflict if it is or was somebody else's."""
    if not _free(session, name, user_id):
        raise Conflict("This username is somebody else's, or was.", field="username")
    return name


def retire(session: Session, user: User) -> None:
    """Remember, in the caller's transaction, whose name this was. Whatever ends an account or its name calls it."""
    digest = _digests(user.username)[0]
    if session.get(UsedUsername, digest) is None:
        session.add(UsedUsername(digest=digest, user_id=user.id))


_HOLDER = select(User.id).where(User.username == bindparam("name"))
_BEFORE = select(UsedUsername.user_id).where(UsedUsername.digest.in_(bindparam("digests", expanding=True)))


def _free(session: Session, name: str, user_id: str = "") -> bool:
    holder = session.scalar(_HOLDER, {"name": name})
    if holder is not None and holder != user_id:
        return False
    before = session.scalars(_BEFORE, {"digests": _digests(name)}).all()
    return all(each == user_id for each in before)


def _digests(name: str) -> list[bytes]:
    """Today's first; those under earlier secret keys are still known."""
    return [sealing.sign(key, name.encode()) for key in keyring.keys(_LABEL)]
