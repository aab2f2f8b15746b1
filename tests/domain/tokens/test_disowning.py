""" "This wasn't me": whatever was made in somebody's name since a sign-in is listed, and ends (contract 11.52)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import time_machine
from sqlalchemy import update

from authserver import database
from authserver.domain.access import permissions, resources
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.clients import clients, endings, registration_tokens, transfers
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.metadata import Registration
from authserver.domain.ground import one_time_links
from authserver.domain.people import addresses, departures, links, users
from authserver.domain.people.credentials import passwords
from authserver.domain.record import acting
from authserver.domain.tokens import disowning, empowered, inspection
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import wishes as webhook_wishes
from authserver.errors import NotFound
from authserver.lib import clock
from authserver.models import ClientSecret
from authserver.observability import context
from authserver.observability.context import Context
from tests.conftest import PASSWORD, Person
from tests.support import protocol
from tests.support.protocol import App

T = TypeVar("T")
WEB = Registration(name="Made", kind="web", redirect_uris=("https://made.example.test/cb",), scopes=("openid",))
HOOK = webhook_wishes.Wish("Made", "https://hooks.example.test/in")


def kinds(person: Person, since: int) -> list[str]:
    return sorted(each.kind for each in disowning.since(person.user, since))


def test_everything_that_was_made_since_is_listed_and_ends(alice: Person, bob: Person) -> None:
    now = clock.now()
    old = protocol.register(owner_id=alice.id, created_at=1, updated_at=1)  # its secret is of today
    of_others = api_keys.create(bob.user, Wish("Other", "read_only"))[1]
    key = api_keys.create(alice.user, Wish("Made", "read_only"))[1]
    made = clients.register(alice.user, WEB)[0]
    rotated = client_secrets.rotate(alice.user, old.id, 0).secret
    hook = webhook_endpoints.create(alice.user, HOOK)[0]
    transfers.offer(alice.user, old.id, bob.user)
    assert kinds(alice, now) == ["app", "key", "offer", "secret", "secret", "secret", "webhook"]
    listed = disowning.since(alice.user, now)
    assert disowning.end(alice.user, {each.reference for each in listed}, now) == len(listed)
    assert api_keys.check(key, "127.0.0.1") is None and api_keys.check(of_others, "127.0.0.1")
    assert not clients.get(made.id).enabled
    assert clients.get(old.id).enabled
    assert protocol.client_credentials(App(old.id, rotated)).status == 401
    assert hook.id not in [each.id for each in webhook_endpoints.page(alice.id)[0]]
    assert not transfers.waiting(bob.id)
    assert kinds(alice, now) == []


def test_what_a_disowned_secret_got_ends_with_it(alice: Person) -> None:
    now = clock.now()
    app = protocol.register(owner_id=alice.id, created_at=1, updated_at=1)
    thief = App(app.id, client_secrets.rotate(alice.user, app.id, 0).secret)
    got = protocol.client_credentials(thief).json["access_token"]
    assert inspection.inspect(got)
    disowning.end(alice.user, {each.reference for each in disowning.since(alice.user, now)}, now)
    assert inspection.inspect(got) is None and protocol.client_credentials(thief).status == 401


def test_a_key_of_before_that_reaches_further_now_is_listed(alice: Person) -> None:
    with time_machine.travel(clock.now(), tick=False) as moment:
        row, key = api_keys.create(alice.user, Wish("Kept", "read_only", allowed_networks=("10.0.0.0/8",)))
        api_keys.create(alice.user, Wish("Left alone", "read_only"))
        moment.shift(60)
        now = clock.now()
        assert kinds(alice, now) == []
        api_keys.revise(alice.id, row.id, {"allowed_networks": ()})
        assert [(each.kind, each.id, each.at) for each in disowning.since(alice.user, now)] == [("key", row.id, now)]
        assert disowning.end(alice.user, {f"key:{row.id}"}, now) == 1 and not api_keys.check(key, "127.0.0.1")


def test_a_webhook_whose_secret_was_rolled_is_listed(alice: Person) -> None:
    with time_machine.travel(clock.now(), tick=False) as moment:
        hook = webhook_endpoints.create(alice.user, HOOK)[0]
        moment.shift(60)
        now = clock.now()
        assert kinds(alice, now) == []
        webhook_endpoints.roll(alice.id, hook.id)
        assert kinds(alice, now) == ["webhook"]


def test_what_is_not_chosen_or_anothers_or_older_stays(alice: Person, bob: Person) -> None:
    key = api_keys.create(alice.user, Wish("Mine", "read_only"))
    now = clock.now()
    chosen = {f"key:{key[0].id}"}
    assert disowning.end(bob.user, chosen, now) == 0
    assert disowning.end(alice.user, set(), now) == 0
    assert disowning.end(alice.user, chosen, now + 5) == 0
    assert api_keys.check(key[1], "127.0.0.1")


def test_a_link_that_was_cut_off_has_ended_nothing_and_is_good_still(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        link = one_time_links.make(session, alice.user, "not_me").rpartition("/")[2]
    key = api_keys.create(alice.user, Wish("Made", "read_only"))[1]
    clients.register(alice.user, WEB)

    def cut_off(*_given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(disowning._END, "app", cut_off)
    with pytest.raises(KeyboardInterrupt):
        disowning.disown(link, everything=True)
    assert api_keys.check(key, "127.0.0.1") is not None and passwords.check(alice.email, PASSWORD) is not None
    monkeypatch.undo()
    assert disowning.disown(link, everything=True)[1] == 3  # the key, the app and its secret
    assert api_keys.check(key, "127.0.0.1") is None


def as_person(person: Person, make: Callable[[], T]) -> T:
    with context.using(Context(actor=f"user:{person.id}")):
        return make()


def test_what_a_thief_gave_in_an_administrators_name_is_listed_and_ends(
    ada: Person, alice: Person, bob: Person
) -> None:
    """Accounts, roles, links and registration tokens: by each of them they come back."""
    users.set_role(bob.id, "admin")
    with time_machine.travel(clock.now(), tick=False) as moment:
        as_person(ada, lambda: users.invite("before@example.test"))
        dora = users.create("dora@example.test")
        moment.shift(60)
        now = clock.now()
        eve, welcome = as_person(ada, lambda: users.invite("eve@example.test", role="admin"))
        as_person(ada, lambda: users.set_role(alice.id, "admin"))
        as_person(ada, lambda: users.set_role(dora.id, "developer"))
        reset = as_person(ada, lambda: links.access_link(bob.id))
        own = as_person(ada, lambda: links.access_link(ada.id))
        token = as_person(ada, lambda: registration_tokens.create()[1])
        assert kinds(ada, now) == ["link", "link", "link", "person", "registration", "role", "role"]
        assert kinds(bob, now) == kinds(alice, now) == []
        with database.transaction() as session:
            link = one_time_links.make(session, ada.user, "not_me").rpartition("/")[2]
        assert disowning.disown(link, everything=True)[1] == 7 - 1, "the link for the account itself ends in any case"
    assert users.get(eve.id).disabled_at is not None
    assert users.get(alice.id).role == users.get(dora.id).role == "user"
    assert users.get(bob.id).role == "admin" and users.get(ada.id).role == "admin"
    assert not registration_tokens.is_good(token)
    for made, purpose in ((welcome, "welcome"), (reset, "reset"), (own, "reset")):
        with pytest.raises(NotFound):
            one_time_links.look(made.rpartition("/")[2], purpose)
    before = users.find_by_email("before@example.test")
    assert before is not None and before.disabled_at is None


def test_a_link_for_the_account_itself_ends_with_what_is_disowned(ada: Person) -> None:
    """An administrator's browser makes one for its own account: with it a thief would set the next password."""
    own = as_person(ada, lambda: links.access_link(ada.id)).rpartition("/")[2]
    with database.transaction() as session:
        link = one_time_links.make(session, ada.user, "not_me").rpartition("/")[2]
    disowning.disown(link, everything=False)
    with pytest.raises(NotFound):
        one_time_links.look(own, "reset")


def test_whoever_is_no_administrator_any_more_takes_no_role_back(ada: Person, alice: Person, bob: Person) -> None:
    users.set_role(bob.id, "admin")
    now = clock.now()
    as_person(ada, lambda: users.set_role(alice.id, "admin"))
    as_person(ada, lambda: users.create("carol@example.test"))
    users.set_role(ada.id, "user")
    assert kinds(Person(users.get(ada.id)), now) == []


def test_a_sign_in_to_an_app_that_was_allowed_before_is_listed_and_ends(alice: Person) -> None:
    app = protocol.register(skip_consent=True)
    now = clock.now()
    refresh = protocol.tokens_for(alice.id, app)["refresh_token"]
    assert [(each.kind, each.id) for each in disowning.since(alice.user, now)] == [("consent", app.id)]
    assert disowning.end(alice.user, {f"consent:{app.id}"}, now) == 1
    assert inspection.inspect(refresh) is None and kinds(alice, now) == []


def test_what_was_written_while_everything_ended_ends_too(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request of the thief that was let in before, and writes what the list of things to end does not see yet."""
    with database.transaction() as session:
        link = one_time_links.make(session, alice.user, "not_me").rpartition("/")[2]
    late: list[str] = []
    first = disowning._end_all

    def then(user: Any, moment: int) -> int:
        monkeypatch.undo()
        ended = first(user, moment)
        late.append(webhook_endpoints.create(alice.user, HOOK)[0].id)
        return ended

    monkeypatch.setattr(disowning, "_end_all", then)
    assert disowning.disown(link, everything=True)[1] == 1
    assert late and late[0] not in [each.id for each in webhook_endpoints.page(alice.id)[0]]


def test_what_was_switched_on_again_is_listed(alice: Person) -> None:
    """An app or a webhook that was stopped because somebody knows its secret."""
    with time_machine.travel(clock.now(), tick=False) as moment:
        app = protocol.register(owner_id=alice.id, created_at=1, updated_at=1)
        hook = webhook_endpoints.create(alice.user, HOOK)[0]
        moment.shift(60)
        with database.transaction() as session:
            session.execute(update(ClientSecret).values(created_at=1))
        endings.disable(alice.user, app.id)
        webhook_endpoints.switch(alice.id, hook.id, on=False)
        moment.shift(60)
        now = clock.now()
        assert kinds(alice, now) == []
        endings.enable(alice.user, app.id)
        webhook_endpoints.switch(alice.id, hook.id, on=True)
        assert kinds(alice, now) == ["app", "webhook"]


def test_what_a_thief_changed_of_others_in_an_administrators_name_is_listed_and_ends(ada: Person, bob: Person) -> None:
    """Secrets and addresses of other people's apps and of the installation's; and a mailbox for somebody's account."""
    with time_machine.travel(clock.now(), tick=False) as moment:
        his, ours, named = protocol.register(owner_id=bob.id), protocol.register(), protocol.register()
        moment.shift(60)
        now = clock.now()
        row = clients.stored(ours.id)
        assert row is not None
        moved = dataclasses.replace(clients.registration_of(row), redirect_uris=("https://evil.example.test/cb",))
        renamed = dataclasses.replace(clients.registration_of(clients.stored(named.id) or row), name="Other words")
        secret = as_person(ada, lambda: client_secrets.rotate(ada.user, his.id, 0).secret)
        as_person(ada, lambda: clients.revise(ada.user, ours.id, moved))
        as_person(ada, lambda: clients.revise(ada.user, named.id, renamed))
        as_person(ada, lambda: addresses.change_email(bob.id, "evil@example.test"))
        assert kinds(ada, now) == ["address", "app", "secret"]
        listed = disowning.since(ada.user, now)
        assert [each.ends for each in listed if each.kind == "address"] == [False]
        assert disowning.end(ada.user, {each.reference for each in listed}, now) == 2
        assert protocol.client_credentials(App(his.id, secret)).status == 401
        assert not clients.get(ours.id).enabled and clients.get(named.id).enabled
        users.create("carol@example.test", role="admin")
        users.set_role(ada.id, "user")
        assert kinds(Person(users.get(ada.id)), now) == []


def test_whom_and_what_a_thief_let_in_in_an_administrators_name_is_listed_and_ends(
    ada: Person, alice: Person, bob: Person, mallory: Person
) -> None:
    """Who had been stopped comes back with all that they were; an app gets a privilege, an address is vouched for."""
    with time_machine.travel(clock.now(), tick=False) as moment:
        for person in (alice, bob):
            users.set_role(person.id, "admin")
        users.disable(alice.id)
        departures.delete(bob.id)
        addresses.set_email_verified(mallory.id, False)
        app = protocol.register(installation=True)
        moment.shift(60)
        now = clock.now()
        row = clients.stored(app.id)
        assert row is not None
        checking = dataclasses.replace(clients.registration_of(row), introspect_all=True)
        as_person(ada, lambda: users.enable(alice.id))
        as_person(ada, lambda: departures.restore(bob.id))
        as_person(ada, lambda: addresses.set_email_verified(mallory.id, True))
        as_person(ada, lambda: clients.revise(ada.user, app.id, checking))
        assert kinds(ada, now) == ["app", "person", "person", "vouched"]
        listed = disowning.since(ada.user, now)
        assert disowning.end(ada.user, {each.reference for each in listed}, now) == 4
        assert users.get(alice.id).disabled_at and users.get(bob.id).disabled_at
        assert users.get(mallory.id).email_verified_at is None and not clients.get(app.id).enabled
        assert kinds(ada, now) == []


def test_settings_of_everybodys_that_were_changed_are_to_be_looked_at(ada: Person, alice: Person) -> None:
    now = clock.now()
    wider = {*permissions.get("full_access").scopes, "introspect"}
    as_person(ada, lambda: permissions.change("full_access", wider))
    as_person(ada, lambda: resources.create("https://notes.example.test", "Notes", open=True))
    found = disowning.since(ada.user, now)
    assert [(each.kind, each.ends) for each in found] == [("setting", False)] * 2
    assert kinds(alice, now) == []


# What of each event that gives or widens authority is listed, by the kind of its line; or why there is none.
LISTED = {
    "api_key.created": "key", "api_key.rotated": "key", "api_key.updated": "key",
    "client.created": "app", "client.updated": "app", "client.enabled": "app", "client.restored": "app",
    "client.secret_rotated": "secret", "client.transfer_offered": "offer", "consent.granted": "consent",
    "client.transferred": "app", "client.unblocked": "setting", "permission.updated": "setting",
    "resource.created": "setting", "resource.updated": "setting", "route_table.updated": "setting",
    "scope.created": "setting", "scope.updated": "setting",
    "registration_token.created": "registration", "user.created": "person", "user.enabled": "person",
    "user.restored": "person", "user.updated": "role", "user.link_created": "link",
    "webhook.created": "webhook", "webhook.enabled": "webhook", "webhook.secret_rotated": "webhook",
    "webhook.updated": "webhook",
    "user.deleted": "takes, and gives nobody anything", "user.disabled": "takes, and gives nobody anything",
    "user.unlocked": "the password is asked for anyway", "webhook.replayed": "sends what was sent",
}  # fmt: skip


def test_everything_that_gives_authority_is_listed_or_says_why_not() -> None:
    assert LISTED.keys() == acting.MAKING
    lines = {each for each in LISTED.values() if " " not in each}
    assert lines == disowning.KINDS.keys() - {"download", "vouched", "address"}, "these two are parts of user.updated"
    assert {event for event, kind in LISTED.items() if kind == "setting"} == set(empowered.SETTINGS)
