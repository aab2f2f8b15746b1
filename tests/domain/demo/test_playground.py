"""What the playground makes belongs to whoever asked, and can do no more than they may give away."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask

from authserver import config
from authserver.config import Settings
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.demo import playground, seeding
from authserver.errors import Invalid, NotFound
from authserver.lib import secrets
from tests.conftest import Person

PUBLIC_KEY = {
    "kty": "EC", "crv": "P-256", "kid": "one", "alg": "ES256", "use": "sig",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}  # fmt: skip


def works(client_id: str, secret: str) -> bool:
    facts = clients.find_afresh(client_id)
    assert facts is not None
    return any(secrets.equal(each.digest, secrets.digest(secret)) and each.valid_at(2**31) for each in facts.secrets)


def test_everybody_gets_one_app_whose_secret_is_new_each_time(app: Flask, alice: Person, bob: Person) -> None:
    first, old = playground.own_app(alice.user)
    again, new = playground.own_app(alice.user)
    others, _ = playground.own_app(bob.user)
    assert first.id == again.id != others.id
    assert works(first.id, new) and not works(first.id, old)


def test_it_comes_back_to_the_playground_and_keeps_the_keys_it_is_given(app: Flask, alice: Person) -> None:
    playground.own_app(alice.user)
    row, _ = playground.own_app(alice.user, {"keys": [PUBLIC_KEY]})
    assert row.redirect_uris == ["http://localhost:8000/playground"]
    assert row.jwks == {"keys": [PUBLIC_KEY]}


def test_outside_the_demo_it_is_an_app_like_any_other(app: Flask, alice: Person, ada: Person) -> None:
    for person in (alice, ada):
        row, _ = playground.own_app(person.user)
        assert not row.introspect_all and not row.resource_server_for
        assert not {"admin", "introspect", "settings:manage", "keys:manage"} & set(row.scopes)


def test_in_the_demo_it_may_introspect_everything(app: Flask, alice: Person, settings: Settings) -> None:
    with config.using(dataclasses.replace(settings, demo=True, outbound_allow=("localhost",))):
        seeding.seed({}, fixed=False, keep=lambda _: None)
        row, _ = playground.own_app(alice.user)
    assert row.introspect_all


def test_the_app_follows_the_issuer_to_another_port(app: Flask, alice: Person, settings: Settings) -> None:
    playground.own_app(alice.user)
    with config.using(dataclasses.replace(settings, issuer="http://localhost:8017")):
        row, _ = playground.own_app(alice.user)
    assert "http://localhost:8017/playground" in row.redirect_uris


def test_a_key_from_there_reads_for_an_hour(app: Flask, alice: Person) -> None:
    facts = api_keys.check(playground.short_key(alice.user), "127.0.0.1")
    assert facts is not None and facts.permission == "read_only"
    assert facts.expires_at == facts.created_at + 3600


def test_a_redirect_uri_is_added_to_ones_own_app_alone(app: Flask, alice: Person, mallory: Person) -> None:
    wanted = Registration(name="Notes", kind="spa", redirect_uris=("https://notes.example.com/callback",))
    row, _ = clients.register(alice.user, wanted)
    with pytest.raises(NotFound):
        playground.come_back(mallory.user, row.id)
    for _ in range(2):
        changed = playground.come_back(alice.user, row.id)
    assert changed.redirect_uris == ["https://notes.example.com/callback", "http://localhost:8000/playground"]
    assert playground.standing(alice.user, row.id).comes_back


def test_strangers_learn_nothing_of_an_app(app: Flask, alice: Person, mallory: Person, ada: Person) -> None:
    row, _ = clients.register(alice.user, Registration(name="Notes", kind="machine"))
    assert playground.standing(alice.user, row.id).mine
    assert playground.standing(ada.user, row.id).mine
    for client_id in (row.id, "nothing", ""):
        with pytest.raises(NotFound):
            playground.standing(mallory.user, client_id)


def test_the_seeded_app_is_everybodys_to_use_and_nobodys_to_change(
    app: Flask, alice: Person, settings: Settings
) -> None:
    with config.using(dataclasses.replace(settings, demo=True, outbound_allow=("localhost",))):
        seeding.seed({}, fixed=False, keep=lambda _: None)
        found = playground.standing(alice.user, seeding.PLAYGROUND)
        assert found.comes_back and not found.mine
        with pytest.raises(NotFound):
            playground.come_back(alice.user, seeding.PLAYGROUND)


@pytest.mark.parametrize(
    "jwks", [{"keys": []}, {"keys": [{"kty": "oct", "k": "AA"}]}, {"keys": [PUBLIC_KEY | {"d": "x"}]}]
)
def test_private_and_broken_keys_are_refused(app: Flask, alice: Person, jwks: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        playground.own_app(alice.user, jwks)
