"""Who acts is judged again where something is written: a session or a role that ended meanwhile makes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.ground import one_time_links
from authserver.domain.insight.audit_sentences import SENTENCES
from authserver.domain.limits import changes
from authserver.domain.people import sessions, users
from authserver.domain.record import acting
from authserver.domain.tokens import disowning
from authserver.errors import Denied
from authserver.models import ApiKey, Client, WebhookEndpoint
from authserver.observability import context
from authserver.observability.context import Context
from tests.conftest import PASSWORD, Person
from tests.support import forms
from tests.support.browsing import Browser, InProcess
from tests.support.databases import ISSUER

URI = "https://made.example.test/cb"
ENDS: dict[str, Callable[[str], Any]] = {"signed out everywhere": sessions.end_all, "disabled": users.disable}
MAKERS: dict[str, tuple[str, str, dict[str, str], type[Any]]] = {
    "a key": ("/settings/api-keys/new", "", {"name": "Made", "permission": "read_only", "expires": "90d"}, ApiKey),
    "an app": ("/apps/new?kind=web", "/apps/new", {"name": "Made", "redirect_uris-0": URI}, Client),
    "a webhook": (
        "/webhooks/new", "", {"name": "Made", "url": "https://8.8.8.8/in", "which": "all"}, WebhookEndpoint,
    ),
}  # fmt: skip
Meanwhile = Callable[[Callable[[], Any]], None]


def count(model: type[Any]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Have something done once a page's request has found out who sends it, before its view begins."""

    def during(what: Callable[[], Any]) -> None:
        def happen(_user_id: str) -> None:
            monkeypatch.undo()
            with context.using(Context(actor="cli")):
                what()

        monkeypatch.setattr(changes, "spend_on_page", happen)

    return during


@pytest.fixture
def person(http: FlaskClient, alice: Person) -> Browser:
    forms.sign_in(http, alice.email, PASSWORD)
    return Browser(ISSUER, InProcess(http))


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_was_on_its_way_when_its_session_ended_is_not_made(
    person: Browser, alice: Person, meanwhile: Meanwhile, maker: str, end: Callable[[str], Any]
) -> None:
    page, action, fields, model = MAKERS[maker]
    form = person.open(page).form(action or page)
    meanwhile(lambda: end(alice.id))
    answer = person.submit(form, **fields)
    assert answer.status in (403, 409), answer.text
    assert count(model) == 0


def test_and_is_made_where_nothing_ends_meanwhile(person: Browser) -> None:
    """Else the test above would take any mistake of its own for a refusal."""
    for page, action, fields, model in MAKERS.values():
        answer = person.submit(person.open(page).form(action or page), **fields)
        assert answer.status == 200, answer.text
        assert count(model) == 1


def test_whoever_was_an_administrator_a_moment_ago_makes_nobody_one(
    http: FlaskClient, ada: Person, bob: Person, alice: Person, meanwhile: Meanwhile
) -> None:
    users.set_role(bob.id, "admin")
    forms.sign_in(http, ada.email, PASSWORD)
    page, action = f"/admin/users/{alice.id}", f"/admin/users/{alice.id}/standing"
    form = forms.form_on(http.get(page).get_data(as_text=True), action)
    meanwhile(lambda: users.set_role(ada.id, "user"))
    assert forms.post(http, form, role="admin").status_code == 403
    assert users.get(alice.id).role == "user"


def test_nor_does_their_key(ada: Person, bob: Person, alice: Person) -> None:
    key, _ = api_keys.create(ada.user, Wish("Admin's", "full_access"))
    users.set_role(bob.id, "admin")
    began = Context(actor=f"key:{key.id}", stands_on=f"key:{key.id}", stands_as="admin")
    users.set_role(ada.id, "user")
    with context.using(began), pytest.raises(Denied):
        users.set_role(alice.id, "admin")
    assert users.get(alice.id).role == "user"


def test_who_is_being_robbed_ends_everything_from_a_browser_whose_session_ends_with_the_rest(
    ada: Person, bob: Person, http: FlaskClient
) -> None:
    """It is the mailed link that does it: what it ends, roles of others too, is refused to nobody's session."""
    forms.sign_in(http, ada.email, PASSWORD)
    with context.using(Context(actor=f"user:{ada.id}")):
        api_keys.create(ada.user, Wish("Made", "read_only"))
        users.set_role(bob.id, "admin")
    with database.transaction() as session:
        link = one_time_links.make(session, ada.user, "not_me").rpartition("/")[2]
    assert forms.submit(http, f"/this-was-not-me/{link}", end_made="1").status_code == 200
    assert disowning.since(ada.user, 0) == [] and sessions.list_for(ada.id) == []
    assert users.get(bob.id).role == "user"


def test_what_is_judged_again_are_events_that_there_are_and_every_kind_of_making() -> None:
    assert SENTENCES.keys() >= acting.MAKING
    ends = (".created", ".updated", ".rotated", ".granted", ".enabled", ".restored", ".transferred", ".unblocked")
    # Rotating signing keys and restoring a database is the operator's or an administrator's, and lends nobody anything.
    others = {"signing_key.rotated", "database.restored", "user.link_created"}
    assert {each for each in SENTENCES if each.endswith(ends)} - others <= acting.MAKING
