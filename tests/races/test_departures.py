"""A person is deleted while they, or an administrator, do something: neither waits in a circle, and nothing is left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import endings, transfers
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.grants import consents, grants
from authserver.domain.ground import one_time_links
from authserver.domain.people import departures, links, sessions, sign_ins, users
from authserver.domain.people.credentials import passwords
from authserver.domain.record import audit
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.wishes import Wish
from authserver.errors import DomainError
from authserver.lib import clock
from tests.architecture import sources
from tests.conftest import KINDS, PASSWORD, Person
from tests.support import long_sets, parallel, protocol

ROUNDS = 4


@pytest.fixture
def slowly(app: object) -> Iterator[None]:
    """Every statement takes a moment, so that two transactions meet in their midst."""

    def rest(*_given: Any) -> None:
        time.sleep(0.004)

    event.listen(database.engine(), "after_cursor_execute", rest)
    yield
    event.remove(database.engine(), "after_cursor_execute", rest)


def sign_in(person: Person, _colleague: Person) -> Callable[[], object]:
    _, found = sessions.open(person.user, amr=["pwd"], ip="", user_agent="")
    return lambda: sessions.open(person.user, amr=["pwd"], ip="", user_agent="", replaces=found.session.id)


def sign_out_everywhere(person: Person, _colleague: Person) -> Callable[[], object]:
    for _ in range(2):
        sessions.open(person.user, amr=["pwd"], ip="", user_agent="")
    return lambda: sessions.end_all(person.id)


def change_password(person: Person, _colleague: Person) -> Callable[[], object]:
    sessions.open(person.user, amr=["pwd"], ip="", user_agent="")
    return lambda: passwords.change(person.user, PASSWORD, PASSWORD + " again")


def reset_password(person: Person, _colleague: Person) -> Callable[[], object]:
    sessions.open(person.user, amr=["pwd"], ip="", user_agent="")
    link = links.access_link(person.id).rpartition("/")[2]
    return lambda: passwords.set_by_link(link, PASSWORD + " anew", "reset")


def disown(person: Person, _colleague: Person) -> Callable[[], object]:
    sessions.open(person.user, amr=["pwd"], ip="", user_agent="")
    with database.transaction() as session:
        link = one_time_links.make(session, person.user, "not_me").rpartition("/")[2]
    return lambda: sign_ins.disown_sign_in(link)


def rotate_key(person: Person, _colleague: Person) -> Callable[[], object]:
    made = api_keys.create(person.user, api_keys.Wish("CI", "read_only"))[0]
    return lambda: api_keys.rotate(person.user, made.id, overlap=0)


def make_key(person: Person, _colleague: Person) -> Callable[[], object]:
    return lambda: api_keys.create(person.user, api_keys.Wish("CI", "read_only"))


def make_webhook(person: Person, _colleague: Person) -> Callable[[], object]:
    return lambda: webhook_endpoints.create(person.user, Wish("Hook", "https://hooks.example.test/in"))


def allow(person: Person, colleague: Person) -> Callable[[], object]:
    app = protocol.register(owner_id=colleague.id)

    def answer() -> None:
        with database.transaction() as session:
            consents.record(session, person.id, app.id, resources=(), asked=("openid",), allowed=("openid",))
            grants.create(
                session, client_id=app.id, user_id=person.id, session_id=None, scopes=("openid",), resources=(),
                auth_time=clock.now(), amr=("pwd",), nonce=None,
            )  # fmt: skip

    answer()
    return answer


def take_back(person: Person, colleague: Person) -> Callable[[], object]:
    allow(person, colleague)
    return lambda: consents.revoke_all(person.id)


def end_tokens_of_app(person: Person, colleague: Person) -> Callable[[], object]:
    app = protocol.register(owner_id=person.id)
    protocol.tokens_for(colleague.id, app)
    return lambda: endings.revoke_tokens(None, app.id)


def disable_app(person: Person, _colleague: Person) -> Callable[[], object]:
    app = protocol.register(owner_id=person.id)
    return lambda: endings.disable(None, app.id)


def rotate_secret(person: Person, _colleague: Person) -> Callable[[], object]:
    app = protocol.register(owner_id=person.id)
    return lambda: client_secrets.rotate(None, app.id, 0)


def accept_app(person: Person, colleague: Person) -> Callable[[], object]:
    app = protocol.register(owner_id=colleague.id)
    transfers.offer(colleague.user, app.id, person.user)
    return lambda: transfers.accept(person.user, app.id, transfers.END)


def give_app(person: Person, colleague: Person) -> Callable[[], object]:
    app = protocol.register(owner_id=person.id)
    transfers.offer(person.user, app.id, colleague.user)
    return lambda: transfers.accept(colleague.user, app.id, transfers.END)


def be_disabled(person: Person, _colleague: Person) -> Callable[[], object]:
    return lambda: users.disable(person.id)


def inherit(person: Person, colleague: Person) -> Callable[[], object]:
    protocol.register(owner_id=colleague.id)
    return lambda: departures.delete(colleague.id, heir_id=person.id)


MEANWHILE: tuple[Callable[[Person, Person], Callable[[], object]], ...] = (
    sign_in, sign_out_everywhere, change_password, reset_password, disown, rotate_key, make_key, make_webhook, allow,
    take_back, end_tokens_of_app, disable_app, rotate_secret, accept_app, give_app, be_disabled, inherit,
)  # fmt: skip


# SQLite has one writer at a time: nobody there waits while holding something.
@pytest.mark.parametrize("emptied_database", long_sets.others_later(KINDS, now="postgresql"), indirect=True)
@pytest.mark.parametrize("prepare", MEANWHILE, ids=lambda each: each.__name__)
def test_whatever_happens_meanwhile_waits_in_no_circle(
    slowly: None, ada: Person, alice: Person, bob: Person, prepare: Callable[[Person, Person], Callable[[], object]]
) -> None:
    for number in range(ROUNDS):
        with contextlib.suppress(DomainError):  # a password of the round before
            does = prepare(alice, bob)

        def act(which: int, does: Callable[[], object] = does, number: int = number) -> None:
            time.sleep(which * number * 0.008)
            with contextlib.suppress(DomainError):
                does() if which else departures.delete(alice.id)

        parallel.together(2, act)
        assert users.get(alice.id).deleted_at is not None
        assert api_keys.page(alice.id, status="active")[1] == 0
        for each in (alice, bob):
            if users.get(each.id).deleted_at is not None:
                departures.restore(each.id)
            users.enable(each.id)
    assert audit.verify().sound


def test_people_and_apps_are_locked_so_that_what_only_refers_to_them_waits_for_nobody() -> None:
    """A row with a foreign key takes a share of the key, which a plain FOR UPDATE withholds (PostgreSQL 13.3.2)."""
    erased = ("authserver/domain/people/erasure.py",)  # the row is deleted next
    plain = r"select\((User|Client)(\.id)?\).*with_for_update\((?!key_share)"
    assert sources.lines_with(plain, sources.modules(), but=erased) == []
    assert sources.lines_with(plain, erased)
