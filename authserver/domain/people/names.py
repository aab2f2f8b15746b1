"""What people are called, by each other and by apps."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from authserver import database
from authserver.domain.people import living, usernames
from authserver.domain.record import audit
from authserver.errors import Conflict, Invalid
from authserver.lib import clock, visible_text

MAX_NAME = 200
MAX_PART = 100


def rename(
    user_id: str, name: str | None = None, *, given_name: str | None = None, family_name: str | None = None
) -> None:
    """Change what a person is called, but for what is None; an empty name is composed of its parts. Raises Invalid."""
    wanted: dict[str, str] = {}
    if name is not None:
        wanted["chosen_name"] = clean(name)
    for part, text in (("given_name", given_name), ("family_name", family_name)):
        if text is not None:
            wanted[part] = clean_part(text, part)
    if not wanted:
        living.get(user_id)
        return
    told = ["name" if each == "chosen_name" else each for each in wanted]
    living.change(user_id, {**wanted, "person_updated_at": clock.now()}, changed=told)


def set_username(user_id: str, username: str) -> None:
    """Give somebody another username; nobody else gets the one of before. Raises Invalid, Conflict."""
    name = usernames.clean(username)
    try:
        with database.transaction() as session:
            user = living.locked(session, user_id)
            if user.username == name:
                return
            found = usernames.reserve(session, name, user_id)
            usernames.retire(session, user)
            user.username, user.person_updated_at = found, clock.now()
            session.flush()
            audit.record(
                session,
                "user.updated",
                target=f"user:{user_id}",
                owner_id=user_id,
                changed=["username"],
            )
    except IntegrityError:
        raise username_taken() from None


def username_taken() -> Conflict:
    return Conflict("This username is somebody else's, or was.", field="username")


def clean(name: str, field: str = "name", at_most: int = MAX_NAME) -> str:
    name = " ".join(name.split())
    if len(name) > at_most:
        raise Invalid(f"A name has at most {at_most} characters.", field=field)
    if not visible_text.is_visible(name):
        raise Invalid("A name has no invisible characters.", field=field)
    return name


def clean_part(name: str, field: str) -> str:
    return clean(name, field, MAX_PART)
