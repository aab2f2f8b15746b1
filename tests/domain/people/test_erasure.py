"""What erasing a person reaches: every table that speaks of people is decided about."""

from __future__ import annotations

from authserver.domain.ground import batches
from authserver.domain.people import erasure
from authserver.models import User
from tests.docs import pages

# Tables that speak of people and keep their rows, each with the reason.
STAYS = {
    "users": "goes last, in a transaction that says so",
    "used_usernames": "a keyed hash, so that an app never takes somebody else for them",
    "attempt_counters": "the start of an account's digest, for 15 minutes",
    "resources": "become the installation's; the reference is emptied",
    "audit_events": "ids that name nobody any more",
    "registration_tokens": "the id of who made it, which names nobody any more",
    "blocked_apps": "the id of who blocked it, which names nobody any more",
}


def test_every_table_that_speaks_of_people_is_erased_or_says_why_not() -> None:
    """docs/security/data.md says of every column whether it is about a person; a test compares it with the models."""
    rows = pages.table("data.md", "table", "ordinary", "about a person", "secret", "kept")
    speak = {pages.spans(row[0])[0] for row in rows if pages.spans(row[2])}
    nobody = User(id="usrnobody", email="nobody@example.test")
    reached = [
        *((model.__table__, which) for model, which in erasure._mentions(nobody)),
        *batches.hanging_rows(User.__table__, User.id == nobody.id),
    ]
    assert speak - {table.name for table, _ in reached} == set(STAYS)
