""" "This wasn't me": whatever was made in somebody's name since a sign-in is listed, and ends (contract 11.52)."""

from __future__ import annotations

import pytest
import time_machine

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.clients import clients, transfers
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.metadata import Registration
from authserver.domain.ground import one_time_links
from authserver.domain.people.credentials import passwords
from authserver.domain.tokens import disowning, inspection
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import wishes as webhook_wishes
from authserver.lib import clock
from tests.conftest import PASSWORD, Person
from tests.support import protocol
from tests.support.protocol import App

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
