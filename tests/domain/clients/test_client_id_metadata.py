"""A URL as client id: what its document may say, how often it is read, and who has it read."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from authserver import config
from authserver.domain import outbound
from authserver.domain.access import resources
from authserver.domain.clients import blocked_apps, clients, endings
from authserver.domain.clients import client_id_metadata as documents
from authserver.domain.clients.client_id_metadata import NotDescribed
from authserver.domain.running import retention
from authserver.errors import Conflict, RateLimited, Unavailable
from tests.conftest import Person
from tests.support import own_jwts, protocol
from tests.support.documents import Host
from tests.support.own_jwts import key_set, pair
from tests.support.races import in_parallel


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


def test_what_the_document_says_becomes_a_client_under_its_url(host: Host, alice: Person) -> None:
    url = host.publish(scope="openid", client_uri="https://notes.example.test", skip_consent=True, logo_uri="x")
    documents.look_up(url, alice.id)
    facts = clients.named(url)
    assert facts is not None
    assert (facts.client_id, facts.name, facts.public, facts.native) == (url, "Notes agent", True, True)
    assert (facts.self_registered, facts.vouched, facts.skip_consent, facts.scopes) == (True, False, False, ("openid",))
    assert clients.named(facts.id) is None, "its URL alone is its name"
    assert host.headers["accept"] == "application/json" and "cookie" not in host.headers


SIGNING = {"token_endpoint_auth_method": "private_key_jwt"}
REFUSED: dict[str, dict[str, Any]] = {
    "another id": {"client_id": "https://other.example.test/client.json"},
    "no id": {"client_id": None},
    "a secret": {"client_secret": "hush"},
    "an end of a secret": {"client_secret_expires_at": 0},
    "basic": {"token_endpoint_auth_method": "client_secret_basic"},
    "post": {"token_endpoint_auth_method": "client_secret_post"},
    "a shared key": {"token_endpoint_auth_method": "client_secret_jwt"},
    "an unknown method": {"token_endpoint_auth_method": 7},
    "no text as method": {"token_endpoint_auth_method": ["private_key_jwt"]},
    "a certificate": {"token_endpoint_auth_method": "tls_client_auth"},
    "a signature without keys": {**SIGNING},
    "a signature with no key in the set": {**SIGNING, "jwks": {"keys": []}},
    "keys that are no set": {**SIGNING, "jwks": [own_jwts.public(pair())]},
    "a private key": {**SIGNING, "jwks": {"keys": [pair().as_dict(private=True)]}},
    "a shared key in the set": {**SIGNING, "jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}},
    "keys and their address": {**SIGNING, "jwks": key_set(pair()), "jwks_uri": "https://notes.example.test/jwks"},
    "keys within": {**SIGNING, "jwks_uri": "https://10.0.0.1/jwks"},
    "keys in a file": {**SIGNING, "jwks_uri": "file:///etc/passwd"},
    "a grant for itself": {**SIGNING, "jwks": key_set(pair()), "grant_types": ["client_credentials"]},
    "no redirect": {"redirect_uris": None},
    "a script": {"redirect_uris": ["javascript:alert(1)"]},
    "http elsewhere": {"redirect_uris": ["http://evil.example/cb"]},
    "a scheme of everybody": {"redirect_uris": ["myapp://cb"]},
    "implicit alone": {"grant_types": ["implicit"]},
    "a long name": {"client_name": "x" * 101},
    "a name that turns": {"client_name": "a\u202eb"},
    "a statement": {"software_statement": "x"},
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_document_that_breaks_a_rule_makes_no_client(host: Host, alice: Person, case: str) -> None:
    """Section 4 of the draft: `client_id` is the very URL, no secret is in it, no method needs a shared one."""
    url = host.publish(**REFUSED[case])
    with pytest.raises(NotDescribed):
        documents.look_up(url, alice.id)
    assert clients.find(url) is None


@pytest.mark.parametrize(("body", "status", "headers"), [
    (b"", 200, {}), (b"[]", 200, {}), (b"{", 200, {}), (b"\xff", 200, {}), (b"{}", 200, {}),
    (b'{"client_id": "a", "client_id": "b"}', 200, {}), (b"{" + b" " * 70_000 + b"}", 200, {}),
    (b"[" * 5000, 200, {}), (b"<html>", 200, {"content_type": "text/html"}), (b"{}", 404, {}), (b"{}", 204, {}),
    (b"{}", 302, {"location": "/client.json"}), (b"{}", 500, {}), (b"{}", 401, {}),
    (b"{}", 301, {"location": "/client.json"}), (b"{}", 307, {"location": "/client.json"}), (b"{}", 203, {}),
], ids=range(17))  # fmt: skip
def test_what_is_no_document_makes_no_client_and_is_not_asked_for_again_at_once(
    host: Host, alice: Person, body: bytes, status: int, headers: dict[str, str], later: Any
) -> None:
    """Section 5 of the draft: 200 alone is a document, and redirects MUST NOT be followed."""
    host.put("/x.json", body, status, **headers)
    url = f"{host.origin}/x.json"
    for _ in range(3):
        with pytest.raises(NotDescribed):
            documents.look_up(url, alice.id)
    assert host.asked == ["/x.json"], "asked once, and no redirect followed"
    later(61)
    with pytest.raises(NotDescribed):
        documents.look_up(url, alice.id)
    assert host.asked == ["/x.json"] * 2


@pytest.mark.parametrize("url", [
    "https://a.example", "https://a.example/", "https://a.example/../x", "https://a.example/x#f", "https://u@a.example/x",
    "https://a.example/x y", "https://A.example/x", "https://a.example:8443/x", "http://a.example/x",
    "https://a.example/./x", "https://a.example/x/%2e%2E/y", "https://:p@a.example/x", "https://a.example?x=1",
    "https://10.0.0.1/x", "https://[::1]/x", "https://169.254.169.254/x", "https://localhost/x", "https://a.internal/x",
    "http://localhost:8000/x", "https://a.example/" + "x" * 255,
])  # fmt: skip
def test_addresses_that_are_never_asked(app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Section 3 of the draft: https and a path; no dot segments, no fragment, no user; section 8.6: no inner host."""
    monkeypatch.setattr(outbound, "fetch", lambda *_args, **_named: pytest.fail("asked"))
    closed = dataclasses.replace(config.current(), outbound_allow=())
    with config.using(closed), pytest.raises(NotDescribed) as refused:
        documents.look_up(url, alice.id)
    assert "10.0.0.1" not in refused.value.public, "what is there is not told"


@pytest.mark.parametrize(("control", "seconds"), [
    ("", 3600), ("max-age=600", 600), ("public, max-age=10", 60), ("max-age=99999999", 86_400), ("no-store", 60),
    ("no-cache, max-age=600", 60), ("max-age=x", 3600),
])  # fmt: skip
def test_it_is_kept_as_its_headers_say_within_bounds(
    host: Host, alice: Person, control: str, seconds: int, later: Any
) -> None:
    url = host.publish()
    status, headers, body = host.found["/client.json"]
    host.found["/client.json"] = (status, headers | ({"cache-control": control} if control else {}), body)
    documents.look_up(url, alice.id)
    later(seconds - 1)
    assert documents.is_fresh(url)
    later(seconds + 1)
    assert not documents.is_fresh(url)


def test_what_it_says_anew_counts_and_what_was_taken_back_ends(host: Host, alice: Person, later: Any) -> None:
    url = host.publish(redirect_uris=["https://old.example/cb"])
    documents.look_up(url, alice.id)
    later(3601)
    host.publish(redirect_uris=["https://new.example/cb"])
    documents.look_up(url, alice.id)
    facts = clients.get(url)
    assert (facts.redirect_uris, facts.version) == (("https://new.example/cb",), 2)


def test_a_host_that_does_not_answer_leaves_what_was_said_for_a_day(host: Host, alice: Person, later: Any) -> None:
    url = host.publish()
    documents.look_up(url, alice.id)
    host.put("/client.json", b"", 503)
    later(3601)
    documents.look_up(url, alice.id)
    assert clients.named(url) is not None
    later(86_401)
    with pytest.raises(NotDescribed):
        documents.look_up(url, alice.id)


def test_a_document_that_is_gone_is_not_used_on(host: Host, alice: Person, later: Any) -> None:
    url = host.publish()
    documents.look_up(url, alice.id)
    host.put("/client.json", b"", 404)
    later(3601)
    with pytest.raises(NotDescribed):
        documents.look_up(url, alice.id)


def test_many_at_once_make_one_client(host: Host, alice: Person) -> None:
    url = host.publish()
    in_parallel(6, lambda: documents.look_up(url, alice.id), threads=3)
    assert clients.named(url) is not None
    assert len(host.asked) <= documents.IN_FLIGHT, "who comes later finds it there"


def test_who_finds_no_turn_is_told_to_come_again_and_nothing_is_asked(
    host: Host, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "WAIT_SECONDS", 0.01)
    url = host.publish()
    with contextlib.ExitStack() as taken:
        for _ in range(documents.IN_FLIGHT):
            taken.enter_context(documents._turn())
        with pytest.raises(Unavailable):
            documents.look_up(url, alice.id)
        assert not host.asked
    documents.look_up(url, alice.id)
    assert clients.named(url) is not None


def test_one_person_has_so_many_looked_up(host: Host, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "PER_PERSON", "2/hour")
    for number in range(2):
        documents.look_up(host.publish(f"/{number}"), alice.id)
    with pytest.raises(RateLimited):
        documents.look_up(host.publish("/3"), alice.id)


def test_an_app_that_was_stopped_stays_so_whatever_its_document_says(host: Host, alice: Person, later: Any) -> None:
    url = host.publish()
    documents.look_up(url, alice.id)
    endings.disable(None, clients.get(url).id)
    later(3601)
    documents.look_up(url, alice.id)
    assert not clients.get(url).enabled


def test_one_that_nobody_used_goes_after_a_day(host: Host, alice: Person, later: Any) -> None:
    url = host.publish()
    documents.look_up(url, alice.id)
    later(86_402)
    assert retention.purge()["clients"] == 1
    assert clients.find(url) is None


@pytest.mark.parametrize("said", [lambda id: endings.disable(None, id), lambda id: limit(id, "5/hour")])
def test_what_an_administrator_said_of_an_unused_one_outlives_its_day(
    host: Host, alice: Person, later: Any, said: Callable[[str], Any]
) -> None:
    """Its document leads to the same app again, which would come back as if nobody had stopped it."""
    url = host.publish()
    documents.look_up(url, alice.id)
    said(clients.get(url).id)
    before = clients.get(url)
    later(86_402)
    retention.purge()
    documents.look_up(url, alice.id)
    after = clients.get(url)
    assert (after.enabled, after.rate_limit) == (before.enabled, before.rate_limit) != (True, None)


def limit(client_id: str, rate_limit: str) -> None:
    row = clients.stored(client_id)
    assert row is not None
    clients.revise(None, client_id, dataclasses.replace(clients.registration_of(row), rate_limit=rate_limit))


def test_no_api_and_no_client_share_a_name(host: Host, alice: Person) -> None:
    url = host.publish()
    documents.look_up(url, alice.id)
    with pytest.raises(Conflict):
        resources.create(url, "API")
    other = host.publish("/other")
    resources.create(other, "API")
    with pytest.raises(NotDescribed):
        documents.look_up(other, alice.id)


def test_its_tokens_name_it_by_its_url_and_it_revokes_them(host: Host, alice: Person) -> None:
    url = host.publish(redirect_uris=[protocol.CALLBACK], scope="openid")
    documents.look_up(url, alice.id)
    facts = clients.get(url)
    code = protocol.allow(alice.id, protocol.App(facts.id, ""), scopes=["openid"])
    tokens = protocol.exchange(protocol.App(url, ""), code).json
    claims, identity = protocol.claims(tokens["access_token"]), protocol.claims(tokens["id_token"])
    assert (claims["client_id"], identity["aud"], identity["azp"]) == (url, url, url)
    assert protocol.exchange(protocol.App(facts.id, ""), code).status == 400, "its id is no name"
    auditor = protocol.register(introspect_all=True)
    for name in ("access_token", "refresh_token"):
        assert protocol.introspect(auditor, tokens[name]).json["client_id"] == url
    assert protocol.revoke(protocol.App(url, ""), tokens["access_token"]).status == 200
    assert protocol.introspect(auditor, tokens["access_token"]).json == {"active": False}


def test_switched_off_a_url_is_no_client_id(host: Host) -> None:
    url = host.publish()
    assert documents.is_url(url)
    assert json.loads(protocol.send("/.well-known/openid-configuration", method="GET").body)[
        "client_id_metadata_document_supported"
    ]
    with config.using(dataclasses.replace(config.current(), cimd="off")):
        assert not documents.is_url(url)
        said = protocol.send("/.well-known/openid-configuration", method="GET").json
        assert "client_id_metadata_document_supported" not in said


def test_no_document_takes_the_block_off_that_its_app_is_under(host: Host, alice: Person, later: Any) -> None:
    url = host.publish()
    documents.look_up(url, alice.id)
    blocked_apps.block("Notes agent")
    host.publish(client_name="Another agent")
    later(3700)
    documents.look_up(url, alice.id)
    assert (clients.get(url).enabled, clients.get(url).name) == (False, "Notes agent")
    blocked_apps.unblock("Notes agent")
    later(7400)
    documents.look_up(url, alice.id)
    assert (clients.get(url).enabled, clients.get(url).name) == (True, "Another agent")


def test_no_document_widens_what_an_administrator_lends_its_app(host: Host, alice: Person, later: Any) -> None:
    url = host.publish(redirect_uris=["https://notes.example.test/cb"])
    documents.look_up(url, alice.id)
    protocol.change(protocol.App(clients.id_of(url), ""), introspect_all=True)
    host.publish(redirect_uris=["https://evil.example/cb"], client_uri="https://notes.example.test")
    later(3700)
    documents.look_up(url, alice.id)
    facts = clients.get(url)
    assert (facts.redirect_uris, facts.homepage) == (("https://notes.example.test/cb",), "https://notes.example.test")
