"""What an administrator handed out is good as long as they are one: links and registration tokens."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select

from authserver import database
from authserver.domain.access import permissions
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.clients import clients, endings, registration_tokens, transfers
from authserver.domain.ground import one_time_links
from authserver.domain.people import departures, links, users
from authserver.domain.people.credentials import passwords
from authserver.errors import NotFound
from authserver.lib import clock
from authserver.models import OneTimeLink, User
from authserver.observability import context
from authserver.observability.context import Context
from tests.conftest import PASSWORD, Person
from tests.support import forms, protocol
from tests.support.protocol import App

NEW = "seven green lanterns drift"


def as_actor(actor: str, make: Callable[[], str]) -> str:
    with context.using(Context(actor=actor)):
        return make().rpartition("/")[2]


def opens(token: str, *purposes: str) -> bool:
    """Whether looking says that it does; using it has to say the same."""
    try:
        one_time_links.look(token, *purposes)
        looked = True
    except NotFound:
        looked = False
    try:
        with database.transaction() as session:
            one_time_links.spend(session, token, *purposes)
            raise InterruptedError  # it is to be asked again
    except InterruptedError:
        assert looked
    except NotFound:
        assert not looked
    return looked


ENDS: dict[str, Callable[[str], object]] = {
    "demoted": lambda user_id: users.set_role(user_id, "user"),
    "disabled": users.disable,
    "deleted": departures.delete,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_an_administrator_handed_out_ends_with_their_role(
    ada: Person, alice: Person, bob: Person, end: Callable[[str], object]
) -> None:
    """Else who is one no more sets the password of somebody who is."""
    users.set_role(bob.id, "admin")
    reset = as_actor(f"user:{ada.id}", lambda: links.access_link(bob.id))
    welcome = as_actor(f"user:{ada.id}", lambda: users.invite("new@example.test", role="admin")[1])
    registration = as_actor(f"user:{ada.id}", lambda: registration_tokens.create(uses=5)[1])
    others = as_actor(f"user:{bob.id}", lambda: links.access_link(alice.id))
    assert opens(reset, "reset") and opens(welcome, "welcome") and registration_tokens.is_good(registration)
    end(ada.id)
    assert not opens(reset, "reset") and not opens(welcome, "welcome")
    assert not registration_tokens.is_good(registration) and registration_tokens.spend(registration) is None
    assert registration_tokens.status(registration_tokens.all()[0]) in ("idle", "revoked")
    with pytest.raises(NotFound):
        passwords.set_by_link(reset, NEW, "reset")
    assert passwords.check(bob.email, PASSWORD) is not None
    assert opens(others, "reset"), "what another administrator handed out stays"


def test_what_a_key_handed_out_ends_with_the_key(ada: Person) -> None:
    key, _ = api_keys.create(ada.user, Wish("Provisioning", "full_access"))
    link = as_actor(f"key:{key.id}", lambda: users.invite("new@example.test", role="admin")[1])
    registration = as_actor(f"key:{key.id}", lambda: registration_tokens.create()[1])
    assert opens(link, "welcome") and registration_tokens.is_good(registration)
    api_keys.revoke(ada.id, key.id)
    assert not opens(link, "welcome") and not registration_tokens.is_good(registration)


def test_what_an_app_handed_out_ends_when_the_app_is_stopped(ada: Person, bob: Person) -> None:
    own, installed = _administering(owner_id=ada.id), _administering()
    made = [as_actor(f"client:{app.id}", lambda: registration_tokens.create()[1]) for app in (own, installed)]
    assert [registration_tokens.is_good(each) for each in made] == [True, True]
    for app in (own, installed):
        endings.disable(None, app.id)
    assert [registration_tokens.is_good(each) for each in made] == [False, False]


def _administering(**columns: Any) -> App:
    return protocol.register(**{"scopes": ["admin"], "installation": "owner_id" not in columns} | columns)


APP_ENDS: dict[str, Callable[[str, User], object]] = {
    "its tokens were ended": lambda app, _: endings.revoke_tokens(None, app),
    "it was deleted and brought back": lambda app, _: (endings.remove(None, app), endings.restore(None, app)),
    "its scope was taken": lambda app, _: _change_app(app, scopes=("workflows:read",)),
    "it went to another administrator": lambda app, to: _given(app, to, transfers.END),
    "it went to another, and both can open it": lambda app, to: _given(app, to, transfers.KEEP),
}


def _change_app(client_id: str, **fields: Any) -> None:
    clients.revise(None, client_id, dataclasses.replace(clients.registration_of(clients.stored(client_id)), **fields))


def _given(client_id: str, to: User, former: str) -> None:
    transfers.offer(None, client_id, to)
    transfers.accept(to, client_id, former)


@pytest.mark.parametrize("end", APP_ENDS.values(), ids=APP_ENDS)
def test_what_an_app_handed_out_ends_with_its_tokens_its_scope_or_its_owner(
    ada: Person, bob: Person, end: Callable[[str, User], object]
) -> None:
    """Else a thief of its secret, or a former owner who is no administrator now, opens an account with it."""
    users.set_role(bob.id, "admin")
    app = _administering(owner_id=ada.id, grant_types=["client_credentials"], redirect_uris=[])
    link = as_actor(f"client:{app.id}", lambda: users.invite("new@example.test", role="admin")[1])
    registration = as_actor(f"client:{app.id}", lambda: registration_tokens.create()[1])
    assert opens(link, "welcome") and registration_tokens.is_good(registration)
    end(app.id, users.get(bob.id))
    assert not opens(link, "welcome")
    assert not registration_tokens.is_good(registration) and registration_tokens.spend(registration) is None


def test_nor_is_it_good_again_once_the_former_owners_day_is_over(ada: Person, bob: Person) -> None:
    users.set_role(bob.id, "admin")
    app = _administering(owner_id=ada.id, grant_types=["client_credentials"], redirect_uris=[])
    before = as_actor(f"client:{app.id}", lambda: registration_tokens.create()[1])
    _given(app.id, users.get(bob.id), transfers.KEEP)
    with time_machine.travel(clock.now() + transfers.DAY + 1):
        assert not registration_tokens.is_good(before)
        assert registration_tokens.is_good(as_actor(f"client:{app.id}", lambda: registration_tokens.create()[1]))


def test_what_a_key_handed_out_ends_when_its_level_administers_nobody_any_more(ada: Person) -> None:
    key, _ = api_keys.create(ada.user, Wish("Provisioning", "full_access"))
    link = as_actor(f"key:{key.id}", lambda: users.invite("new@example.test", role="admin")[1])
    registration = as_actor(f"key:{key.id}", lambda: registration_tokens.create()[1])
    permissions.change("full_access", set(permissions.get("full_access").scopes) - {"admin"})
    assert not opens(link, "welcome") and not registration_tokens.is_good(registration)


@pytest.mark.parametrize("actor", ["cli", "system"])
def test_what_the_operator_handed_out_needs_nobodys_role(alice: Person, actor: str) -> None:
    assert opens(as_actor(actor, lambda: links.access_link(alice.id)), "reset")
    assert registration_tokens.is_good(as_actor(actor, lambda: registration_tokens.create()[1]))


def test_a_mailed_link_is_nobodys_but_its_readers(alice: Person, bob: Person) -> None:
    """Whoever is signed in where a mail is asked for has no part in it."""
    with context.using(Context(actor=f"user:{bob.id}", ip="192.0.2.1")):
        links.request_reset(alice.email)
    with database.reading() as session:
        assert session.scalars(select(OneTimeLink.made_by)).all() == [""]


def test_a_link_kept_from_before_a_demotion_signs_nobody_in(
    browser: Callable[[], FlaskClient], ada: Person, bob: Person
) -> None:
    """From page to page: made at /admin/users, kept, and opened once its maker is no administrator."""
    users.set_role(bob.id, "admin")
    hers, later = browser(), browser()
    forms.sign_in(hers, ada.email, PASSWORD)
    shown = forms.submit(hers, f"/admin/users/{bob.id}/link").get_data(as_text=True)
    found = re.search(r"/password/reset/[\w-]+", shown)
    assert found
    path = found[0]
    assert later.get(path).status_code == 200
    users.set_role(ada.id, "user")
    assert later.get(path).status_code == 404


def test_what_a_deleted_administrator_handed_out_stays_ended_once_they_are_back(ada: Person, bob: Person) -> None:
    users.set_role(bob.id, "admin")
    link = as_actor(f"user:{ada.id}", lambda: links.access_link(bob.id))
    registration = as_actor(f"user:{ada.id}", lambda: registration_tokens.create()[1])
    departures.delete(ada.id)
    departures.restore(ada.id)
    assert users.get(ada.id).is_admin and users.get(ada.id).disabled_at is None
    assert not opens(link, "reset") and not registration_tokens.is_good(registration)
