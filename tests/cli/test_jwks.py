"""authserver jwks: signing keys from the shell."""

from __future__ import annotations

import json

from authserver.domain.ground import cache
from authserver.domain.signing import keys as signing_keys
from tests.cli.conftest import Command


def test_listing_shows_one_active_key_of_each_algorithm(command: Command) -> None:
    code, out, _ = command("jwks", "list", "--json")
    assert code == 0
    assert sorted((key["alg"], key["state"]) for key in json.loads(out)) == [("ES256", "active"), ("RS256", "active")]


def test_rotating_publishes_keys_that_sign_later(command: Command) -> None:
    code, out, _ = command("jwks", "rotate", "--json")
    assert code == 0
    assert {key["state"] for key in json.loads(out)} == {"pending"}
    cache.forget()
    assert len(json.loads(signing_keys.jwks().body)["keys"]) == 4


def test_a_leaked_key_is_replaced_at_once(command: Command) -> None:
    old = signing_keys.signer().kid
    assert command("jwks", "retire", old, "--now")[0] == 0
    cache.forget()
    assert signing_keys.signer().kid != old
    _, out, _ = command("jwks", "list", "--json")
    assert old not in out


def test_the_only_key_is_not_retired_without_a_successor(command: Command) -> None:
    code, _, err = command("jwks", "retire", signing_keys.signer().kid)
    assert code == 1
    assert "Rotate it" in err


def test_an_unknown_key_is_not_found(command: Command) -> None:
    assert command("jwks", "retire", "nonsense")[0] == 3


def test_a_kid_that_looks_like_an_option_is_none(command: Command) -> None:
    assert command("jwks", "retire", "-B4_x-9now", "--now")[0] == 3


def test_nothing_private_is_printed(command: Command) -> None:
    for words in (("jwks", "list", "--json", "--all"), ("jwks", "rotate", "--json")):
        _, out, _ = command(*words)
        assert "private" not in out.lower()
