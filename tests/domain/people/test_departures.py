"""Deleting people, bringing them back, and what is left of them after seven days (contract 11.38)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from authserver import config, database
from authserver.domain.access import resources
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients, endings, ownership, transfers
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.demo import workflows as demo_workflows
from authserver.domain.grants import connected_apps, consents, grants
from authserver.domain.ground import batches, one_time_links
from authserver.domain.people import addresses, departures, erasure, links, living, names, sessions, sign_ups, users
from authserver.domain.people.credentials import passwords
from authserver.domain.record import audit
from authserver.domain.running import recovery, retention
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.wishes import Wish
from authserver.errors import Conflict, Denied, Invalid, NotFound
from authserver.lib import clock
from authserver.models import Mail, Resource, SignInSession, UsageCount, User
from authserver.tables import Base
from tests.conftest import PASSWORD, Person
from tests.support import parallel, protocol
from tests.support.protocol import App

WEEK = living.RESTORABLE


def delete_and_wait(person: Person, seconds: int = WEEK) -> None:
    departures.delete(person.id)
    with database.transaction() as session:
        session.execute(update(User).where(User.id == person.id).values(deleted_at=User.deleted_at - seconds))


def cannot_sign_in(person: Person) -> bool:
    try:
        return passwords.check(person.email, PASSWORD) is None
    except Denied:
        return True


def key_of(person: Person) -> str:
    return api_keys.create(person.user, api_keys.Wish("CI", "read_only"))[1]


def allow(person: Person, client: App) -> str:
    """A consent and a grant of a person; the grant's id."""
    with database.transaction() as session:
        consents.record(session, person.id, client.id, resources=(), asked=("openid",), allowed=("openid",))
        return grants.create(
            session, client_id=client.id, user_id=person.id, session_id=None, scopes=("openid",), resources=(),
            auth_time=clock.now(), amr=("pwd",), nonce=None,
        ).id  # fmt: skip


def test_everything_of_theirs_ends_at_once(alice: Person, bob: Person) -> None:
    cookie, _ = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    link = links.sign_in_link(alice.id).rpartition("/")[2]
    key, foreign, own = key_of(alice), protocol.register(owner_id=bob.id), protocol.register(owner_id=alice.id)
    grant, of_bob = allow(alice, foreign), allow(bob, own)
    hook = webhook_endpoints.create(alice.user, Wish("Hook", "https://hooks.example.test/in"))[0]
    departures.delete(alice.id)
    assert cannot_sign_in(alice)
    assert sessions.resolve(cookie) is None
    assert api_keys.check(key, "127.0.0.1") is None
    with pytest.raises(NotFound):
        one_time_links.look(link, "sign_in")
    for each in (grant, of_bob):
        with pytest.raises(NotFound):
            grants.get(None, each)
    assert not connected_apps.find(bob.id, own.id).client.enabled
    assert not any(app.connected for app in connected_apps.list_for(alice.id))
    facts = clients.find_afresh(own.id)
    assert facts is not None and not facts.enabled and facts.disabled_at is not None
    assert webhook_endpoints.status(webhook_endpoints.get(alice.id, hook.id)) == "paused"
    assert audit.verify().sound


def test_each_thing_that_ends_is_in_the_log_and_the_deletion_counts_them(alice: Person, bob: Person) -> None:
    key_of(alice)
    allow(alice, protocol.register(owner_id=bob.id))
    app = protocol.register(owner_id=alice.id)
    departures.delete(alice.id)
    newest = audit.page(limit=50)[0]
    assert [each.type for each in newest[:4]] == [
        "user.deleted", "client.disabled", "api_key.revoked", "consent.revoked",
    ]  # fmt: skip
    assert newest[0].data == {
        "heir": None,
        "ended": {"sessions": 0, "connected_apps": 1, "keys": 1, "webhooks": 0, "apps": 1},
    }
    assert newest[1].target == f"client:{app.id}"


def test_deleting_twice_is_one_deletion(alice: Person) -> None:
    first, second = departures.delete(alice.id), departures.delete(alice.id)
    assert first.deleted_at == second.deleted_at
    assert [each.type for each in audit.page(limit=50)[0]].count("user.deleted") == 1


def test_an_heir_who_comes_too_late_is_told_so(alice: Person, bob: Person) -> None:
    app = protocol.register(owner_id=alice.id)
    departures.delete(alice.id)
    with pytest.raises(Conflict, match="deleted already"):
        departures.delete(alice.id, heir_id=bob.id)
    facts = clients.find_afresh(app.id)
    assert facts is not None and facts.owner_id == alice.id


def test_apps_and_apis_go_to_the_heir_at_once_without_what_was_known_of_them(alice: Person, bob: Person) -> None:
    resources.create("https://api.example.test", "API", owner_id=alice.id)
    app = protocol.register(owner_id=alice.id, resource_server_for=["https://api.example.test"], jwks={"keys": []})
    departures.delete(alice.id, heir_id=bob.id)
    facts = clients.find_afresh(app.id)
    assert facts is not None and facts.enabled
    assert (facts.owner_id, facts.secrets, facts.jwks) == (bob.id, (), None)
    assert facts.resource_server_for == ("https://api.example.test",)
    assert resources.get("https://api.example.test").owner_id == bob.id
    assert client_secrets.rotate(bob.user, app.id, 0).secret
    assert "client.handed_over" in [each.type for each in audit.page(owner_id=bob.id)[0]]


def test_an_heir_has_an_account_that_works(alice: Person, bob: Person, mallory: Person) -> None:
    protocol.register(owner_id=alice.id)
    users.disable(bob.id)
    departures.delete(mallory.id)
    for heir in (bob.id, mallory.id, alice.id, "usrnobody"):
        with pytest.raises(Conflict, match="somebody else"):
            departures.delete(alice.id, heir_id=heir)
    assert users.get(alice.id).deleted_at is None


def test_an_heir_has_room_for_the_apps(
    ada: Person, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "MAX_PER_OWNER", 2)
    for owner in (alice, alice, bob):
        protocol.register(owner_id=owner.id)
    with pytest.raises(Conflict, match="would own 3 apps, and the limit is 2") as refused:
        departures.delete(alice.id, heir_id=bob.id)
    assert refused.value.field == "apps" and "administrator" in refused.value.public
    assert users.get(alice.id).deleted_at is None
    monkeypatch.setattr(ownership, "MAX_PER_OWNER", 3)
    departures.delete(alice.id, heir_id=bob.id)
    assert clients.owned_by(bob.user)[1] == 3
    monkeypatch.setattr(ownership, "MAX_PER_OWNER", 1)
    departures.delete(bob.id, heir_id=ada.id)
    assert clients.owned_by(ada.user)[1] == 3, "administrators have no limit"


def test_two_deletions_at_once_do_not_give_an_heir_too_many(
    alice: Person, bob: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "MAX_PER_OWNER", 1)
    for owner in (alice, mallory):
        protocol.register(owner_id=owner.id)

    def delete(which: int) -> bool:
        try:
            departures.delete((alice, mallory)[which].id, heir_id=bob.id)
        except Conflict:
            return False
        return True

    assert sorted(parallel.together(2, delete)) == [False, True]
    assert clients.owned_by(bob.user)[1] == 1


class TestMailToTheHeir:
    @pytest.fixture
    def overrides(self) -> dict[str, Any]:
        return {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "server@example.test"}

    def mails_to(self, person: Person) -> list[Mail]:
        with database.reading() as session:
            return list(session.scalars(select(Mail).where(Mail.user_id == person.id)))

    def test_names_what_is_theirs_now(self, alice: Person, bob: Person) -> None:
        resources.create("https://api.example.test", "API", owner_id=alice.id)
        for number in range(transfers.NAMED_IN_MAIL + 2):
            protocol.register(owner_id=alice.id, name=f"App {number}\nX")
        departures.delete(alice.id, heir_id=bob.id)
        (mail,) = self.mails_to(bob)
        assert mail.recipient == bob.email
        assert mail.subject == "You own 23 apps and APIs of a deleted Kaie account"
        for said in ("  App 1 X\n", "and 2 more", "APIs: 1", "new secrets", "/apps"):
            assert said in mail.body, said
        assert alice.email not in mail.body and alice.user.name not in mail.body

    def test_is_none_where_nothing_was_owned(self, alice: Person, bob: Person) -> None:
        departures.delete(alice.id, heir_id=bob.id)
        assert self.mails_to(bob) == []


def test_what_counts_for_administrators_alone_is_no_plain_persons_inheritance(
    ada: Person, alice: Person, bob: Person
) -> None:
    users.set_role(alice.id, "admin")
    app = protocol.register(owner_id=alice.id, skip_consent=True)
    with pytest.raises(Conflict, match="skips consent"):
        departures.delete(alice.id, heir_id=bob.id)
    assert users.get(alice.id).deleted_at is None
    departures.delete(alice.id, heir_id=ada.id)
    facts = clients.find_afresh(app.id)
    assert facts is not None and facts.skip_consent


def test_offers_of_and_to_the_deleted_end(ada: Person, alice: Person, bob: Person) -> None:
    offered, received = protocol.register(owner_id=alice.id), protocol.register(owner_id=bob.id)
    transfers.offer(ada.user, offered.id, bob.user)
    transfers.offer(bob.user, received.id, alice.user)
    departures.delete(alice.id)
    departures.restore(alice.id)
    assert transfers.find(offered.id) is None and transfers.find(received.id) is None


@pytest.mark.parametrize("text", ["", "stop", "transfer", "transfer:", "End", " end"])
def test_a_choice_is_end_or_whose_the_apps_become(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        departures.choice(text)
    assert "apps" in refused.value.problems


def test_nobody_deletes_themselves(ada: Person, alice: Person) -> None:
    users.set_role(alice.id, "admin")
    with pytest.raises(Conflict, match="your own account"):
        departures.delete(ada.id, by_id=ada.id)


CHANGES: dict[str, Callable[[str], object]] = {
    "rename": lambda id: names.rename(id, "Other"),
    "set_username": lambda id: names.set_username(id, "other"),
    "set_role": lambda id: users.set_role(id, "admin"),
    "set_email_verified": lambda id: addresses.set_email_verified(id, False),
    "change_email": lambda id: addresses.change_email(id, "other@example.test"),
    "disable": users.disable,
    "enable": users.enable,
    "unlock": users.unlock,
    "mail_reset": links.mail_reset,
    "same verification": lambda id: addresses.set_email_verified(id, True),
    "same role": lambda id: users.set_role(id, "user"),
    "same names": names.rename,
    "access_link": links.access_link,
    "sign_in_link": links.sign_in_link,
}


@pytest.mark.parametrize("verb", CHANGES)
def test_a_deleted_person_is_restored_or_left_alone(alice: Person, verb: str) -> None:
    departures.delete(alice.id)
    with pytest.raises(Conflict, match="Restore them first"):
        CHANGES[verb](alice.id)


def test_a_restored_person_signs_in_and_nothing_else_lives_again(alice: Person) -> None:
    cookie, _ = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    key, app = key_of(alice), protocol.register(owner_id=alice.id)
    departures.delete(alice.id)
    departures.restore(alice.id)
    assert passwords.check(alice.email, PASSWORD) is not None
    assert sessions.resolve(cookie) is None and api_keys.check(key, "127.0.0.1") is None
    facts = clients.find_afresh(app.id)
    assert facts is not None and not facts.enabled
    endings.enable(alice.user, app.id)


def test_who_is_deleted_while_they_sign_in_gets_no_session(alice: Person) -> None:
    departures.delete(alice.id)
    with pytest.raises(Denied, match="disabled"):
        sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")


def test_a_session_that_slipped_in_while_they_were_deleted_does_not_live_again(alice: Person) -> None:
    cookie, found = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    departures.delete(alice.id)
    with database.transaction() as session:  # as an older node of a rolling update would leave it
        session.get_one(SignInSession, found.session.id).ended_at = None
    departures.restore(alice.id)
    assert sessions.resolve(cookie) is None


@pytest.mark.parametrize("disabled_first", [True, False])
def test_who_was_disabled_before_stays_so(alice: Person, disabled_first: bool) -> None:
    if disabled_first:
        users.disable(alice.id)
    departures.delete(alice.id)
    assert (departures.restore(alice.id).disabled_at is not None) == disabled_first


def test_restoring_is_for_seven_days_and_for_the_deleted(alice: Person, bob: Person) -> None:
    with pytest.raises(Conflict, match="isn't deleted"):
        departures.restore(bob.id)
    with pytest.raises(NotFound):
        departures.restore("usrnobody")
    delete_and_wait(alice)
    with pytest.raises(Conflict, match="seven days"):
        departures.restore(alice.id)


def test_the_address_is_free_only_after_the_erasure_and_the_username_never(alice: Person, bob: Person) -> None:
    delete_and_wait(alice, WEEK - 60)
    assert erasure.erase_due() == 0
    for spelt in (alice.email, "Alice@EXAMPLE.test"):
        with pytest.raises(Conflict, match="Restore it, or wait until it is erased after 20"):
            users.create(spelt)
    with pytest.raises(Conflict, match="Restore it"):
        addresses.change_email(bob.id, alice.email)
    with database.transaction() as session:
        session.execute(update(User).where(User.id == alice.id).values(deleted_at=User.deleted_at - 60))
    assert retention.purge()["users"] == 1
    again = users.create(alice.email)
    assert (again.id, again.username) != (alice.id, alice.user.username)
    assert again.username == f"{alice.user.username}-2"
    with pytest.raises(Conflict, match="or was"):
        names.set_username(bob.id, alice.user.username)


def everything_stored() -> dict[str, str]:
    """Every row of every table as text, by table."""
    with database.reading() as session:
        return {
            table.name: "\n".join(repr(tuple(row)) for row in session.execute(select(table)))
            for table in Base.metadata.sorted_tables
        }


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "server@example.test"}


def test_after_the_erasure_no_table_knows_who_it_was(app: Flask, ada: Person, alice: Person, bob: Person) -> None:
    names.rename(alice.id, given_name="Alicia", family_name="Quernstone")
    names.set_username(alice.id, "quernstone")
    sessions.open(alice.user, amr=["pwd"], ip="192.0.2.77", user_agent="Quern/1")
    own, foreign = protocol.register(owner_id=alice.id), protocol.register(owner_id=bob.id)
    row = clients.stored(own.id)
    assert row is not None
    clients.revise(alice.user, own.id, dataclasses.replace(clients.registration_of(row), contacts=(alice.email,)))
    key_of(alice)
    allow(alice, foreign)
    allow(bob, own)
    links.request_reset(alice.email)
    addresses.change_email(alice.id, "quernstone@example.test")
    links.request_reset("quernstone@example.test")
    for subject in (alice.id, own.id):
        demo_workflows.seed(subject)
    webhook_endpoints.create(ada.user, Wish("All", "https://hooks.example.test/all", everybody=True))
    webhook_endpoints.create(alice.user, Wish("Hers", "https://hooks.example.test/quernstone"))
    key_of(alice)
    with database.transaction() as session:
        for subject in (f"user:{alice.id}", f"client:{own.id}"):
            session.add(UsageCount(hour=0, metric="tokens", subject=subject, count=1))
    delete_and_wait(alice)
    assert erasure.erase_due() == 1
    kept = everything_stored()
    pseudonymous = {"audit_events", "used_usernames"}
    traces = [alice.email, "quernstone", "Quernstone", "Alicia", "192.0.2.77"]
    assert not [(table, trace) for table, text in kept.items() for trace in traces if trace in text]
    assert {table for table, text in kept.items() if alice.id in text or own.id in text} <= pseudonymous
    assert alice.id in kept["audit_events"]
    assert foreign.id in kept["clients"]
    assert audit.verify().sound


def test_their_apis_become_the_installations(alice: Person) -> None:
    resources.create("https://api.example.test", "API", owner_id=alice.id)
    delete_and_wait(alice)
    erasure.erase_due()
    with database.reading() as session:
        assert session.get_one(Resource, "https://api.example.test").owner_id is None


def test_their_apis_are_nobody_elses_for_it(alice: Person, bob: Person) -> None:
    resources.create("https://api.example.test", "API", owner_id=alice.id)
    delete_and_wait(alice)
    erasure.erase_due()
    assert resources.assignable_by(bob.id, admin=False) == () == resources.assignable_by(None, admin=False)
    assert [each.identifier for each in resources.assignable_by(bob.id, admin=True)] == ["https://api.example.test"]


def test_an_app_that_is_enabled_again_knows_no_secret_of_before(alice: Person) -> None:
    app = protocol.register(owner_id=alice.id)
    departures.delete(alice.id)
    departures.restore(alice.id)
    endings.enable(None, app.id)
    assert client_secrets.active(app.id) == []


@pytest.mark.parametrize("heir", [False, True])
def test_nor_does_one_that_they_had_deleted_and_that_is_brought_back(alice: Person, bob: Person, heir: bool) -> None:
    app = protocol.register(owner_id=alice.id)
    endings.remove(alice.user, app.id)
    departures.delete(alice.id, heir_id=bob.id if heir else None)
    departures.restore(alice.id)
    endings.restore(users.get(alice.id), app.id)
    assert client_secrets.active(app.id) == []
    assert protocol.client_credentials(app).error == (401, "invalid_client")


def test_an_erasure_that_was_interrupted_goes_on(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        key_of(alice)
    protocol.register(owner_id=alice.id)
    delete_and_wait(alice)
    monkeypatch.setattr(batches, "ROWS", 2)
    whole, done = batches._delete_some, 0

    def killed(*given: Any, **more: Any) -> int:
        nonlocal done
        done += 1
        if done > 4:
            raise KeyboardInterrupt
        return whole(*given, **more)

    monkeypatch.setattr(batches, "_delete_some", killed)
    with pytest.raises(KeyboardInterrupt):
        erasure.erase_due()
    assert users.get(alice.id).deleted_at is not None
    with pytest.raises(Conflict):
        departures.restore(alice.id)
    monkeypatch.setattr(batches, "_delete_some", whole)
    assert erasure.erase_due() == 1 and erasure.erase_due() == 0
    assert users.find(alice.id) is None
    assert [each.type for each in audit.page()[0]].count("user.erased") == 1
    assert audit.verify().sound


def test_a_backup_of_before_brings_back_neither_the_deleted_nor_the_erased(alice: Person, bob: Person) -> None:
    departures.delete(alice.id)
    delete_and_wait(bob)
    erasure.erase_due()
    known = recovery.endings()
    # What an older backup holds: both, as they were.
    with database.transaction() as session:
        session.execute(update(User).where(User.id == alice.id).values(deleted_at=None, disabled_at=None))
        session.add(
            User(
                id=bob.id, email=bob.email, username="bob", role="user", created_at=0, person_updated_at=0,
                password_hash=bob.user.password_hash,
            )
        )  # fmt: skip
    recovery.after_restore(known)
    assert cannot_sign_in(alice) and cannot_sign_in(bob)
    assert users.get(alice.id).deleted_at is not None
    assert retention.purge()["users"] == 1 and users.find(bob.id) is None


def test_counts_are_what_a_deletion_would_end(alice: Person, bob: Person) -> None:
    sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    key_of(alice)
    allow(alice, protocol.register(owner_id=bob.id))
    protocol.register(owner_id=alice.id)
    found = departures.standing(alice.id)
    assert (found.sessions, found.keys, found.connected_apps, found.apps, found.webhooks) == (1, 1, 1, 1, 0)
    assert found.events == audit.page(owner_id=alice.id)[1]
    departures.delete(alice.id)
    found = departures.standing(alice.id)
    assert (found.sessions, found.keys, found.connected_apps) == (0, 0, 0)


def test_states_sort_people(alice: Person, bob: Person, mallory: Person) -> None:
    carol = users.create("carol@example.test")
    departures.delete(alice.id)
    users.disable(bob.id)
    assert {state: [each.id for each in users.page(state=state)[0]] for state in users.STATES} == {
        "active": [mallory.id], "invited": [carol.id], "disabled": [bob.id], "deleted": [alice.id],
    }  # fmt: skip
    assert [users.state(users.get(each.id)) for each in (alice, bob)] == ["deleted", "disabled"]
    assert users.page()[1] == 3 and users.page("alice")[1] == 0 and users.page("alice", state="deleted")[1] == 1


def test_signing_up_with_a_deleted_persons_address_tells_nobody_anything(alice: Person) -> None:
    departures.delete(alice.id)
    with database.reading() as session:
        before = session.scalar(select(func.count()).select_from(Mail).where(Mail.recipient != ""))
    with config.using(dataclasses.replace(config.current(), signup="on")):
        sign_ups.sign_up(alice.email, "Alice")
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Mail).where(Mail.recipient != "")) == before


def test_an_heir_has_room_for_the_apis(
    alice: Person, bob: Person, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "MAX_PER_OWNER", 1)
    resources.create("https://alices.example.test", "API", owner_id=alice.id)
    resources.create("https://bobs.example.test", "API", owner_id=bob.id)
    with pytest.raises(Conflict, match="would own 2 APIs, and the limit is 1") as refused:
        departures.delete(alice.id, heir_id=bob.id)
    assert refused.value.field == "apps" and users.get(alice.id).deleted_at is None
    departures.delete(alice.id, heir_id=ada.id)
    assert resources.get("https://alices.example.test").owner_id == ada.id
