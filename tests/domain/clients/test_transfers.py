"""An app changes hands: offered, accepted, and then nothing of its former owner opens it (contract 11.38)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import time_machine

from authserver import database
from authserver.domain.clients import clients, self_registered, transfers
from authserver.domain.clients import keys as client_keys
from authserver.domain.clients.self_registered import NotRegistered
from authserver.domain.grants import consents
from authserver.domain.people import departures, users
from authserver.domain.tokens import inspection
from authserver.errors import Conflict, Denied, Invalid, NotFound
from authserver.lib import clock, jwt, secrets
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App

DAY = 86_400
KEYS = {"keys": [{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                  "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}  # fmt: skip


def app_of(person: Person, **columns: Any) -> App:
    return protocol.register(owner_id=person.id, **columns)


def owner_of(app: App) -> str | None:
    row = clients.stored(app.id)
    assert row is not None
    return row.owner_id


def works(app: App, secret: str) -> bool:
    return protocol.client_credentials(App(app.id, secret)).status == 200


def test_it_is_its_owners_until_the_new_one_accepts(alice: Person, bob: Person, mallory: Person) -> None:
    app = app_of(alice)
    transfers.offer(alice.user, app.id, bob.user)
    assert owner_of(app) == alice.id and works(app, app.secret)
    for user in (mallory.user, alice.user):
        with pytest.raises(NotFound):
            transfers.accept(user, app.id, "end")
    assert [each.client.id for each in transfers.waiting(bob.id)] == [app.id]
    assert not transfers.waiting(mallory.id)
    transfers.accept(bob.user, app.id, "end")
    assert owner_of(app) == bob.id and not transfers.waiting(bob.id)


def test_then_the_former_owners_secrets_keys_and_tokens_end(alice: Person, bob: Person) -> None:
    app = app_of(alice, jwks=KEYS)
    person, machine = protocol.tokens_for(bob.id, app), protocol.client_credentials(app).json
    transfers.offer(alice.user, app.id, bob.user)
    row, secret = transfers.accept(bob.user, app.id, "end")
    assert row.jwks is None
    assert not works(app, app.secret) and works(app, str(secret))
    for token in (person["access_token"], person["refresh_token"], machine["access_token"]):
        assert inspection.inspect(token) is None


def test_or_in_24_hours_where_the_new_owner_says_so(alice: Person, bob: Person) -> None:
    with time_machine.travel(clock.now(), tick=False) as moment:
        app = app_of(alice, jwks=KEYS)
        refresh = protocol.tokens_for(bob.id, app)["refresh_token"]
        transfers.offer(alice.user, app.id, bob.user)
        _, secret = transfers.accept(bob.user, app.id, "keep_24h")
        moment.shift(DAY - 60)
        assert works(app, app.secret) and works(app, str(secret)) and inspection.inspect(refresh)
        moment.shift(61)
        assert not works(app, app.secret) and works(app, str(secret)) and not inspection.inspect(refresh)
        facts = clients.find_afresh(app.id)
        assert facts is not None
        with pytest.raises(jwt.InvalidToken, match="former"):
            client_keys.verify(facts, "x.y.z", frozenset({"ES256"}))


def test_an_offer_ends_with_the_authority_that_made_it(alice: Person, bob: Person, ada: Person) -> None:
    app = app_of(alice)

    def stands() -> bool:
        return transfers.find(app.id) is not None

    transfers.offer(alice.user, app.id, bob.user)
    users.disable(alice.id)
    assert not stands()
    transfers.offer(ada.user, app.id, bob.user)  # an administrator saves the app of somebody who left
    assert stands()
    users.set_role(bob.id, "admin")
    users.set_role(ada.id, "user")
    assert not stands()
    ends = transfers.offer(None, app.id, bob.user).expires_at
    with time_machine.travel(ends, tick=False):
        assert not stands()


def test_an_offer_of_whoever_was_disabled_does_not_come_back_with_them(alice: Person, bob: Person) -> None:
    """A thief of their session offered the app to an account of their own."""
    app = app_of(alice)
    transfers.offer(alice.user, app.id, bob.user)
    users.disable(alice.id)
    users.enable(alice.id)
    assert transfers.find(app.id) is None and transfers.waiting(bob.id) == []
    with pytest.raises(NotFound):
        transfers.accept(bob.user, app.id, transfers.END)


def test_who_may_offer_what_to_whom(alice: Person, bob: Person, mallory: Person, ada: Person) -> None:
    plain, privileged = app_of(alice), app_of(alice, skip_consent=True)
    with pytest.raises(NotFound):
        transfers.offer(mallory.user, plain.id, mallory.user)
    with pytest.raises(Denied, match="only an administrator"):
        transfers.offer(alice.user, privileged.id, ada.user)
    with pytest.raises(Conflict, match="counts only for administrators"):
        transfers.offer(ada.user, privileged.id, bob.user)
    with pytest.raises(Conflict, match="already theirs"):
        transfers.offer(alice.user, plain.id, alice.user)
    users.disable(bob.id)
    with pytest.raises(Conflict, match="disabled"):
        transfers.offer(alice.user, plain.id, bob.user)
    for_ada = transfers.offer(ada.user, privileged.id, ada.user)
    transfers.accept(for_ada.to, privileged.id, "end")
    assert clients.get(privileged.id).skip_consent


def test_it_can_be_declined_and_taken_back(alice: Person, bob: Person, mallory: Person) -> None:
    app = app_of(alice)
    for who in (bob, alice):
        transfers.offer(alice.user, app.id, bob.user)
        with pytest.raises(NotFound):
            transfers.withdraw(mallory.user, app.id)
        transfers.withdraw(who.user, app.id)
        with pytest.raises(NotFound):
            transfers.accept(bob.user, app.id, "end")
    assert owner_of(app) == alice.id


GIFT = ("settings:manage", "keys:manage", "workflows:read", "analytics:read")


def given(former: Person, to: Person, choice: str = "keep_24h", **columns: Any) -> tuple[App, str]:
    """An app that acts for itself and changed hands; with its former owner's secret, and the new one."""
    app = app_of(former, **{"scopes": GIFT, "grant_types": ["client_credentials"], **columns})
    transfers.offer(former.user, app.id, to.user)
    _, secret = transfers.accept(to.user, app.id, choice)
    return app, str(secret)


def test_what_a_former_owner_got_in_those_24_hours_ends_with_them(alice: Person, bob: Person) -> None:
    with time_machine.travel(clock.now(), tick=False) as moment:
        app, secret = given(alice, bob, access_token_ttl=DAY)
        moment.shift(DAY - 60)
        late = protocol.client_credentials(app).json["access_token"]
        assert inspection.inspect(late)
        moment.shift(60)
        assert inspection.inspect(late) is None
        theirs = protocol.client_credentials(App(app.id, secret)).json["access_token"]
        assert inspection.inspect(theirs)


def test_a_second_transfer_lengthens_nothing_of_the_first(alice: Person, bob: Person, mallory: Person) -> None:
    with time_machine.travel(clock.now(), tick=False) as moment:
        app, _ = given(mallory, alice, jwks=KEYS)
        moment.shift(DAY - 60)
        late = protocol.client_credentials(app).json["access_token"]
        transfers.offer(alice.user, app.id, bob.user)
        row, _ = transfers.accept(bob.user, app.id, "keep_24h")
        assert inspection.inspect(late) is None and row.keys_end_at == clock.now() + 60


@pytest.mark.parametrize("leaves", [users.disable, lambda user_id: users.set_role(user_id, "user")])
def test_what_somebody_kept_ends_when_they_are_stopped(leaves: Any, ada: Person, bob: Person) -> None:
    users.set_role(bob.id, "admin")
    app, secret = given(ada, bob, jwks=KEYS)
    old = protocol.client_credentials(app).json["access_token"]
    leaves(ada.id)
    row = clients.stored(app.id)
    assert row is not None and (row.jwks, row.shared_until, row.former_owner_id) == (None, None, None)
    assert inspection.inspect(old) is None and not works(app, app.secret) and works(app, secret)


def test_deleting_a_former_owner_ends_what_they_kept(alice: Person, bob: Person) -> None:
    app, secret = given(alice, bob)
    departures.delete(alice.id)
    assert not works(app, app.secret) and works(app, secret)


def test_nothing_is_kept_that_would_open_more_than_before(alice: Person, bob: Person, ada: Person) -> None:
    admins = app_of(alice, scopes=("admin",), grant_types=["client_credentials"])
    transfers.offer(ada.user, admins.id, ada.user)
    stopped = app_of(bob)
    users.disable(bob.id)
    transfers.offer(ada.user, stopped.id, alice.user)
    for app, to in ((admins, ada), (stopped, alice)):
        offer = transfers.get(to.user, app.id)
        assert transfers.choices(offer) == ("end",)
        with pytest.raises(Invalid, match="ends now"):
            transfers.accept(to.user, app.id, "keep_24h")
        transfers.accept(to.user, app.id, "end")
    assert transfers.choices(transfers.offer(alice.user, stopped.id, ada.user)) == transfers.CHOICES


@pytest.mark.parametrize("kept", ["end", "keep_24h"])
def test_people_are_asked_again_under_the_new_owners_name(alice: Person, bob: Person, ada: Person, kept: str) -> None:
    app = app_of(alice)
    with database.transaction() as session:
        consents.record(session, ada.id, app.id, resources=[], asked=["profile"], allowed=["profile"])
    transfers.offer(alice.user, app.id, bob.user)
    assert consents.people(app.id) == 1
    transfers.accept(bob.user, app.id, kept)
    assert consents.people(app.id) == 0


def test_they_are_asked_again_under_an_heirs_name(alice: Person, bob: Person, ada: Person) -> None:
    app = app_of(alice)
    with database.transaction() as session:
        consents.record(session, bob.id, app.id, resources=[], asked=["profile"], allowed=["profile"])
    departures.delete(alice.id, heir_id=bob.id, by_id=ada.id)
    assert consents.people(app.id) == 0


@pytest.mark.parametrize("choice", ["end", "keep_24h"])
def test_what_a_self_registered_app_is_changed_by_ends_with_the_transfer(bob: Person, choice: str) -> None:
    """Its secret may work for a day; the app itself, its addresses too, is the new owner's at once."""
    token = secrets.generate("kaie", "rat")
    app = protocol.register(self_registered=True, installation=False, registration_digest=secrets.digest(token))
    assert self_registered.find(app.id, token).id == app.id
    transfers.offer(None, app.id, bob.user)
    transfers.accept(bob.user, app.id, choice)
    with pytest.raises(NotRegistered):
        self_registered.find(app.id, token)


def test_an_app_that_its_owner_changed_while_it_was_looked_at_is_looked_at_again(alice: Person, bob: Person) -> None:
    app = app_of(alice)
    transfers.offer(alice.user, app.id, bob.user)
    seen = transfers.get(bob.user, app.id).client
    row = clients.stored(app.id)
    assert row is not None
    moved = dataclasses.replace(clients.registration_of(row), redirect_uris=("https://elsewhere.example.test/cb",))
    clients.revise(alice.user, app.id, moved)
    with pytest.raises(Conflict):
        transfers.accept(bob.user, app.id, "end", version=seen.version)
    assert owner_of(app) == alice.id
    transfers.accept(bob.user, app.id, "end", version=transfers.get(bob.user, app.id).client.version)
    assert owner_of(app) == bob.id
