"""A URL as client id whose document says that the app signs with its own key (private_key_jwt)."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from authserver import config
from authserver.domain.clients import client_id_metadata as documents
from authserver.domain.clients import clients
from authserver.domain.clients import keys as client_keys
from tests.conftest import Person
from tests.support import own_jwts, protocol
from tests.support.documents import Host
from tests.support.own_jwts import key_set, pair
from tests.support.protocol import App, Reply

REFUSED = (400, "invalid_client")
OLD, NEW = pair(), pair("ES256", 1)
KEYS = "/jwks.json"


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


def publish(host: Host, *keys: Any, **changes: Any) -> str:
    said = {"jwks": key_set(*keys)} if keys else {}
    method = {"token_endpoint_auth_method": "private_key_jwt"}
    return host.publish(redirect_uris=[protocol.CALLBACK], scope="openid", **method | said | changes)


def known(host: Host, person: Person, *keys: Any, **changes: Any) -> str:
    """An app whose person came with it; its URL."""
    url = publish(host, *keys, **changes)
    documents.look_up(url, person.id)
    return url


def exchanged(url: str, person: Person, key: Any = None, **proof: str) -> Reply:
    code = protocol.allow(person.id, App(clients.id_of(url), ""), scopes=["openid"])
    sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": protocol.CALLBACK}
    sent["code_verifier"] = protocol.VERIFIER
    return protocol.send("/oauth/token", sent | (proof or own_jwts.assertion(url, key or OLD)))


def test_it_gets_its_tokens_by_a_jwt_of_its_key(host: Host, alice: Person) -> None:
    url = known(host, alice, OLD)
    reply = exchanged(url, alice)
    assert reply.status == 200, reply.json
    assert protocol.claims(reply.json["access_token"])["client_id"] == url
    assert host.asked == ["/client.json"], "what was read when its person came is not asked for again at once"


def test_it_has_no_secret_and_is_no_public_client(host: Host, alice: Person) -> None:
    facts = clients.get(known(host, alice, OLD))
    assert (facts.public, facts.auth_methods, facts.secrets) == (False, ("private_key_jwt",), ())


def test_without_its_signature_nobody_is_the_app(host: Host, alice: Person) -> None:
    """Section 4.1 of the draft: the method that the document names is the one that counts."""
    url = known(host, alice, OLD)
    assert exchanged(url, alice, client_id=url).error == (400, "invalid_client")
    assert exchanged(url, alice, client_id=url, client_secret="").error == (400, "invalid_client")
    assert exchanged(url, alice, NEW).error == REFUSED, "a key of somebody else"


WRONG: dict[str, dict[str, Any]] = {
    "by the id of its row": {"iss": "{id}", "sub": "{id}"},
    "of another document": {"iss": "{url}2", "sub": "{url}2"},
    "of another issuer": {"iss": "https://evil.example/client.json"},
    "for another server": {"aud": "https://other.example.test"},
    "for its own document": {"aud": "{url}"},
    "without jti": {"jti": None},
    "over": {"exp": 1_000_000_000},
}


@pytest.mark.parametrize("case", WRONG)
def test_an_assertion_that_is_wrong_is_refused(host: Host, alice: Person, case: str) -> None:
    url = known(host, alice, OLD)
    filled = json.dumps(WRONG[case]).replace("{url}", url).replace("{id}", clients.id_of(url))
    assert exchanged(url, alice, **own_jwts.assertion(url, OLD, **json.loads(filled))).error == REFUSED


def test_an_assertion_is_good_once(host: Host, alice: Person) -> None:
    url = known(host, alice, OLD)
    proof = own_jwts.assertion(url, OLD)
    assert [exchanged(url, alice, **proof).status for _ in range(2)] == [200, 400]


def test_its_refresh_token_needs_the_signature_too(host: Host, alice: Person) -> None:
    url = known(host, alice, OLD)
    token = exchanged(url, alice).json["refresh_token"]
    sent = {"grant_type": "refresh_token", "refresh_token": token}
    assert protocol.send("/oauth/token", sent | {"client_id": url}).error == REFUSED
    assert protocol.send("/oauth/token", sent | own_jwts.assertion(url, OLD)).status == 200


def test_keys_of_an_address_are_fetched_once(host: Host, alice: Person) -> None:
    host.put(KEYS, json.dumps(key_set(OLD)).encode())
    url = known(host, alice, jwks_uri=host.origin + KEYS)
    assert [exchanged(url, alice).status for _ in range(2)] == [200, 200]
    assert host.asked == ["/client.json", KEYS]


@pytest.mark.parametrize("by_address", [False, True], ids=["document", "jwks_uri"])
def test_a_new_key_works_at_once_and_an_old_one_no_longer(
    host: Host, alice: Person, later: Any, by_address: bool
) -> None:
    where = {"jwks_uri": host.origin + KEYS} if by_address else {}

    def say(*keys: Any) -> str:
        host.put(KEYS, json.dumps(key_set(*keys)).encode())
        return publish(host, *([] if by_address else keys), **where)

    url = say(OLD)
    documents.look_up(url, alice.id)
    assert exchanged(url, alice).status == 200
    later(61)
    say(NEW)
    assert exchanged(url, alice, NEW).status == 200
    assert exchanged(url, alice, OLD).error == REFUSED


def test_a_key_that_was_taken_out_ends_within_ten_minutes(host: Host, alice: Person, later: Any) -> None:
    url = known(host, alice, OLD)
    publish(host, NEW)
    later(client_keys.FRESH_SECONDS + 1)
    assert exchanged(url, alice, OLD).error == REFUSED


def test_who_sends_what_no_key_signed_has_the_document_asked_for_once_a_minute(
    host: Host, alice: Person, later: Any
) -> None:
    url = known(host, alice, OLD)
    for _ in range(3):
        assert exchanged(url, alice, NEW).error == REFUSED
    assert host.asked == ["/client.json"]
    later(61)
    for _ in range(3):
        assert exchanged(url, alice, NEW).error == REFUSED
    assert host.asked == ["/client.json"] * 2


@pytest.mark.parametrize(("status", "body"), [
    (503, b""), (404, b""), (302, b""), (200, b"{"), (200, b"[]"), (200, b"{}"), (200, b'{"jwks": []}'),
    (200, b'{"keys": []}'), (200, b'{"jwks": {"keys": 7}}'), (200, b"{" + b" " * 70_000 + b'"jwks": {"keys": []}}'),
], ids=range(10))  # fmt: skip
def test_a_host_that_shows_no_keys_leaves_those_before_for_a_day(
    host: Host, alice: Person, later: Any, status: int, body: bytes
) -> None:
    url = known(host, alice, OLD)
    host.put("/client.json", body, status, location="/jwks.json")
    later(client_keys.FRESH_SECONDS + 1)
    assert exchanged(url, alice).status == 200
    later(client_keys.STALE_SECONDS + 1)
    assert exchanged(url, alice).error == REFUSED


def test_a_document_may_take_up_signing_and_is_no_public_client_any_more(host: Host, alice: Person, later: Any) -> None:
    url = host.publish(redirect_uris=[protocol.CALLBACK], scope="openid")
    documents.look_up(url, alice.id)
    assert exchanged(url, alice, client_id=url).status == 200
    later(3601)
    known(host, alice, OLD)
    assert exchanged(url, alice, client_id=url).error == REFUSED
    assert exchanged(url, alice).status == 200


def test_it_gets_no_token_for_itself(host: Host, alice: Person) -> None:
    url = known(host, alice, OLD)
    reply = protocol.send("/oauth/token", {"grant_type": "client_credentials"} | own_jwts.assertion(url, OLD))
    assert reply.error == (400, "unauthorized_client")


def test_switched_off_no_document_is_asked_for(host: Host, alice: Person, later: Any) -> None:
    url = known(host, alice, OLD)
    later(client_keys.FRESH_SECONDS + 1)
    with config.using(dataclasses.replace(config.current(), cimd="off")):
        assert exchanged(url, alice).status == 200
    assert host.asked == ["/client.json"]
