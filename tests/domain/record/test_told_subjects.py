"""What events and logout tokens call a person towards an app: what it was told, in whatever sector it is now."""

from __future__ import annotations

from typing import Any
from unittest import mock

from flask import Flask

from authserver import database
from authserver.domain.clients import clients
from authserver.domain.grants import session_ids
from authserver.domain.record import outbox
from authserver.domain.tokens import backchannel_logout
from authserver.models import LogoutNotice
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App

THEIRS, OWN = "https://shop.example.com/cb", "https://evil.example.com/cb"


def shop(redirect_uri: str) -> App:
    made = {"redirect_uris": [redirect_uri], "scopes": ["openid"], "grant_types": ["authorization_code"]}
    return protocol.register(subject_type="pairwise", **made)


def sub_of(app: App, person: Person, redirect_uri: str) -> str:
    """What an app is told in a sign-in through the session `ses1`."""
    with mock.patch.object(protocol, "CALLBACK", redirect_uri):
        tokens = protocol.tokens_for(person.id, app, scopes=["openid"], session_id="ses1")
    return str(protocol.claims(tokens["id_token"])["sub"])


def signed_out_of(app: App, session_id: str, person: Person) -> dict[str, Any]:
    """The claims of the logout token that an app gets for a session."""
    notice = LogoutNotice(client_id=app.id, session_id=session_ids.of(session_id, app.id), user_id=person.id)
    return protocol.claims(backchannel_logout.token(clients.get(app.id), notice))


def told_of(app: App, person: Person) -> str | None:
    """What an event about them calls a person towards the owner of an app; None for their id."""
    with database.transaction() as session:
        facts = {"client_id": app.id, "owner_id": person.id}
        return outbox._known_as(session, "consent.revoked", facts)


def test_who_was_met_in_one_sector_is_called_by_no_name_of_another(app: Flask, alice: Person) -> None:
    """An app that moves to the host of another one, or says that it has no sector any more."""
    evil = shop(OWN)
    known, own = sub_of(shop(THEIRS), alice, THEIRS), sub_of(evil, alice, OWN)
    for changes in ({}, {"redirect_uris": [THEIRS]}, {"subject_type": "public"}):
        protocol.change(evil, **changes)
        assert signed_out_of(evil, "ses1", alice)["sub"] == told_of(evil, alice) == own != known


def test_nor_is_who_was_met_by_a_code_alone_that_went_to_the_other_ones_host(app: Flask, alice: Person) -> None:
    known, evil = sub_of(shop(THEIRS), alice, THEIRS), shop(THEIRS)
    with mock.patch.object(protocol, "CALLBACK", THEIRS):
        code = protocol.allow(alice.id, evil, scopes=["openid"], session_id="ses1")
        assert "sub" not in signed_out_of(evil, "ses1", alice) and told_of(evil, alice) == ""
        assert protocol.exchange(evil, code).status == 200  # who gets its codes has its host
    assert signed_out_of(evil, "ses1", alice)["sub"] == told_of(evil, alice) == known
